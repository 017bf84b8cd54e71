"""Exact search by cosine, in blocks: a block of scores is in memory at a time, never all."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

DOCUMENTS, QUERIES = 8192, 512  # of a block, 32 MB of scores
DIGITS = 10**6  # cosines are compared to so many parts; 16-bit storage keeps no more


def search(
    queries: np.ndarray, documents: np.ndarray, best: int, device: str = "cpu"
) -> np.ndarray:
    """Indices of the documents nearest each query by cosine, nearest first.

    queries: (m, dim), documents: (n, dim) float32, of any length → (m, min(best, n)) int64.
    Of documents with cosines equal to six digits the earlier is nearer, whatever the blocks.
    """
    parts = [
        _search(torch.from_numpy(queries[start : start + QUERIES]), documents, best, device)
        for start in range(0, len(queries), QUERIES)
    ]
    return np.concatenate(parts)


def _search(queries: Tensor, documents: np.ndarray, best: int, device: str) -> np.ndarray:
    asked = F.normalize(queries.to(device), dim=1)
    held = torch.empty(len(asked), 0, dtype=torch.int64, device=device)
    for start in range(0, len(documents), DOCUMENTS):
        block = torch.from_numpy(documents[start : start + DOCUMENTS]).to(device)
        scores = (asked @ F.normalize(block, dim=1).T * DIGITS).round().long()
        # One whole number orders by score, then by place, so that no two are equal.
        places = torch.arange(start, start + len(block), device=device)
        keys = torch.cat([held, scores * len(documents) - places], 1)
        held = keys.topk(min(best, keys.shape[1]), dim=1).values
    return (-held % len(documents)).cpu().numpy()
