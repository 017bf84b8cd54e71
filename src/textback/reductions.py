"""Reductions: a smaller embedding from the native one, applied on the fly.

    native  the embedding as it is
    prefix  its first components (Kusupati et al. 2022, Matryoshka): the defender merely cuts
    pca     the axes of most variance of the training embeddings (Pearson 1901)
    random  orthonormal axes drawn with a seed, those of a smaller dimension among a larger one's

Stored as a basis, and a mean for `pca`, beside the share of variance that is kept. Reduced vectors
are scaled to unit length where the embedder's own vectors have it, and left as they are elsewhere.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from textback.cells import Reduction
from textback.counted import counted
from textback.errors import TextbackError
from textback.files import replacing
from textback.vectors import normalise

UNIT_TOLERANCE = 5e-3  # of a stored vector's length: 16 bits round each component by up to 5e-4
DIGITS = 8  # of a component of an axis: sums in another order differ in the fifteenth
RANDOM_SEED = 0
BLOCK = 65_536  # rows in higher precision at a time


@dataclass(frozen=True)
class Projection:
    """A fitted reduction.

    mean: (native,) float32 or None; basis: (native, dim) float32, orthonormal columns, or None for
    `native`. explained_variance: share of the training embeddings' variance that is kept. unit:
    whether reduced vectors are scaled to unit length, as the embedder's are.
    """

    mean: np.ndarray | None = None
    basis: np.ndarray | None = None
    explained_variance: float = 1.0
    unit: bool = True

    def __call__(self, embeddings: np.ndarray) -> np.ndarray:
        """Reduce embeddings, (n, native) → (n, dim) float32."""
        reduced = embeddings.astype(np.float32)
        if self.mean is not None:
            reduced = reduced - self.mean
        if self.basis is not None:
            reduced = reduced @ self.basis
        return normalise(reduced) if self.unit else reduced


def fit(reduction: Reduction, embeddings: np.ndarray) -> Projection:
    """Fit a reduction to training embeddings, (n, native).

    Raises TextbackError where there are fewer embeddings, or native dimensions, than it wants.
    """
    unit = _are_unit(embeddings)
    if reduction.dimension is None:
        return Projection(unit=unit)
    n, native = embeddings.shape
    if reduction.dimension > min(n, native):
        raise TextbackError(
            f"reduction {reduction}: {n} embeddings of dimension {native} do not span "
            f"{counted(reduction.dimension, 'dimension')}: use a smaller dimension or more texts"
        )
    mean, covariance = _moments(embeddings)
    basis = _axes(reduction.kind, covariance)[:, : reduction.dimension]
    kept = float(np.trace(basis.T @ covariance @ basis) / np.trace(covariance))
    centre = mean.astype(np.float32) if reduction.kind == "pca" else None
    return Projection(centre, _rounded(basis).astype(np.float32), kept, unit)


def _are_unit(embeddings: np.ndarray) -> bool:
    """Whether vectors have unit length; those of texts that say nothing may be zero."""
    for start in range(0, len(embeddings), BLOCK):
        rows = embeddings[start : start + BLOCK].astype(np.float32)
        lengths = np.linalg.norm(rows, axis=1)
        if (np.abs(lengths[lengths > 0] - 1) > UNIT_TOLERANCE).any():
            return False
    return True


def _moments(embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean, (native,), and covariance, (native, native), in float64, a block of rows at a time."""
    n, native = embeddings.shape
    mean = embeddings.mean(0, dtype=np.float64)
    covariance = np.zeros((native, native))
    for start in range(0, n, BLOCK):
        centred = embeddings[start : start + BLOCK].astype(np.float64) - mean
        covariance += centred.T @ centred
    return mean, covariance / n


def _axes(kind: str, covariance: np.ndarray) -> np.ndarray:
    """Orthonormal axes as columns, (native, native), the first ones to be kept."""
    native = len(covariance)
    if kind == "prefix":
        return np.eye(native)
    if kind == "random":
        drawn = np.random.default_rng(RANDOM_SEED).standard_normal((native, native))
        return _fix_signs(np.linalg.qr(drawn)[0])
    return _fix_signs(np.linalg.eigh(covariance)[1][:, ::-1])


def _fix_signs(axes: np.ndarray) -> np.ndarray:
    """The largest component of each axis positive, so that every library finds the same axes."""
    return axes * np.sign(axes[np.abs(axes).argmax(0), np.arange(axes.shape[1])])


def _rounded(axes: np.ndarray) -> np.ndarray:
    """To what libraries agree on, however many threads they have; no zero is negative."""
    return axes.round(DIGITS) + 0.0


def save_projection(path: Path, projection: Projection) -> None:
    """Write a projection as safetensors."""
    tensors = {
        "explained_variance": np.array(projection.explained_variance, np.float32),
        "unit": np.array(projection.unit),
    }
    for name in ("mean", "basis"):
        part = getattr(projection, name)
        if part is not None:
            tensors[name] = np.ascontiguousarray(part)
    with replacing(path) as temporary:
        save_file(tensors, temporary)


def load_projection(path: Path) -> Projection:
    """Read a projection. Raises TextbackError where the file is missing or broken."""
    try:
        with safe_open(path, "numpy") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise TextbackError(f"reduction {path}: cannot be read ({error}): remake it") from None
    variance, unit = float(tensors["explained_variance"]), bool(tensors["unit"])
    return Projection(tensors.get("mean"), tensors.get("basis"), variance, unit)
