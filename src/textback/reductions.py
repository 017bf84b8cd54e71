"""Reductions: a smaller embedding from the native one, applied on the fly.

A reduction is a mean and an orthonormal basis, stored as safetensors beside its explained
variance. Reduced vectors are scaled to unit length, as the embedders' native vectors are.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from textback.cells import Reduction
from textback.errors import TextbackError
from textback.files import replacing


@dataclass(frozen=True)
class Projection:
    """A fitted reduction.

    mean: (native,) float32; basis: (native, dim) float32, orthonormal columns; both None for
    `native`. explained_variance: share of the training embeddings' variance that is kept.
    """

    mean: np.ndarray | None = None
    basis: np.ndarray | None = None
    explained_variance: float = 1.0

    def __call__(self, embeddings: np.ndarray) -> np.ndarray:
        """Reduce embeddings, (n, native) → (n, dim) float32, unit norm."""
        reduced = embeddings.astype(np.float32)
        if self.basis is not None:
            reduced = (reduced - self.mean) @ self.basis
        return reduced / np.maximum(np.linalg.norm(reduced, axis=1, keepdims=True), 1e-12)


def fit(reduction: Reduction, embeddings: np.ndarray) -> Projection:
    """Fit a reduction to training embeddings, (n, native).

    `pca` is the eigendecomposition of the covariance (Pearson 1901), signs fixed so that the
    largest component of each axis is positive. Raises TextbackError where there are fewer
    embeddings than dimensions.
    """
    if reduction.dimension is None:
        return Projection()
    n, native = embeddings.shape
    if reduction.dimension > min(n, native):
        raise TextbackError(
            f"reduction {reduction}: {n} embeddings of dimension {native} do not span "
            f"{reduction.dimension} dimensions: use a smaller dimension or more passages"
        )
    mean = embeddings.mean(0, dtype=np.float64)
    centred = embeddings.astype(np.float64) - mean
    values, vectors = np.linalg.eigh(centred.T @ centred / n)
    basis = vectors[:, ::-1][:, : reduction.dimension]
    basis = basis * np.sign(basis[np.abs(basis).argmax(0), np.arange(basis.shape[1])])
    kept = values[::-1][: reduction.dimension].sum() / values.sum()
    return Projection(mean.astype(np.float32), basis.astype(np.float32), float(kept))


def save_projection(path: Path, projection: Projection) -> None:
    """Write a projection as safetensors."""
    tensors = {"explained_variance": np.array(projection.explained_variance, np.float32)}
    if projection.basis is not None:
        tensors |= {
            "mean": np.ascontiguousarray(projection.mean),
            "basis": np.ascontiguousarray(projection.basis),
        }
    with replacing(path) as temporary:
        save_file(tensors, temporary)


def load_projection(path: Path) -> Projection:
    """Read a projection. Raises TextbackError where the file is missing or broken."""
    try:
        with safe_open(path, "numpy") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise TextbackError(f"reduction {path}: cannot be read ({error}): remake it") from None
    variance = float(tensors.pop("explained_variance"))
    return Projection(tensors.get("mean"), tensors.get("basis"), variance)
