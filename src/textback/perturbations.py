"""Perturbations: what a defender does to the embeddings that are stored.

none          they are stored as they are
gaussian:<λ>  φ(x) + λ·ε, ε ~ N(0, 1) a component (Morris et al. 2023, section 6)
int8          each dimension in 255 equal steps that reach its largest magnitude
binary        the sign of each component, −1 or 1
"""

import math
from dataclasses import dataclass

import numpy as np

from textback.errors import TextbackError, unknown_name

KINDS = ("none", "gaussian", "int8", "binary")
SEED = 0
STEPS = 127  # of int8, on each side of zero


@dataclass(frozen=True, order=True)
class Perturbation:
    """A kind and, for `gaussian`, the noise λ: its standard deviation a component."""

    kind: str
    noise: float | None = None

    def __str__(self) -> str:
        """The kind, and the noise where it has one, e.g. `gaussian:0.01`."""
        if self.noise is None:
            return self.kind
        return f"{self.kind}:{self.noise!r}".removesuffix(".0")

    @classmethod
    def parse(cls, text: str) -> "Perturbation":
        """The inverse of `str`. Raises TextbackError for anything else."""
        kind, colon, noise = text.partition(":")
        if kind not in KINDS:
            raise unknown_name("perturbation", text, (*KINDS[:1], "gaussian:0.01", *KINDS[2:]))
        if kind != "gaussian":
            if colon:
                raise TextbackError(f"perturbation '{text}': only gaussian has a number: '{kind}'")
            return cls(kind)
        try:
            level = float(noise)
        except ValueError:
            level = math.nan
        if not 0 < level < math.inf:
            raise TextbackError(
                f"perturbation '{text}': gaussian needs a positive noise: e.g. 'gaussian:0.01'"
            )
        return cls(kind, level)


def perturb(perturbation: Perturbation, vectors: np.ndarray, seed: int = SEED) -> np.ndarray:
    """What is read back of stored vectors, (n, dim) → (n, dim) float32.

    `int8` takes its steps from these vectors, all that are stored. The noise is drawn with `seed`.
    """
    vectors = vectors.astype(np.float32)
    if perturbation.kind == "gaussian":
        drawn = np.random.default_rng(seed).standard_normal(vectors.shape, np.float32)
        return vectors + np.float32(perturbation.noise) * drawn
    if perturbation.kind == "int8":
        step = np.abs(vectors).max(0) / STEPS
        step[step == 0] = 1  # a dimension that is zero everywhere stays so
        return np.round(vectors / step) * step
    if perturbation.kind == "binary":
        return np.where(vectors < 0, np.float32(-1), np.float32(1))
    return vectors
