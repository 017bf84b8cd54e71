"""Arithmetic of embeddings that may be of unit length or not."""

import numpy as np

TINY = 1e-12


def normalise(vectors: np.ndarray) -> np.ndarray:
    """Vectors, (n, dim), scaled to unit length; zero stays zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), TINY)


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The cosine of each pair of rows, (n, dim) and (n, dim) → (n,)."""
    return (normalise(one) * normalise(other)).sum(-1)
