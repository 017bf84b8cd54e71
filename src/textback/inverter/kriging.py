"""What texts' embeddings are expected to be, given those of texts like them: kriging.

    φ(x) ≈ s(x) + k(x)ᵀ (K + NOISE · I)⁻¹ (φ(X) − s(X))

(Gaussian process regression: Rasmussen and Williams 2006, equation 2.38.) X are texts that were
embedded, s what a surrogate predicts of a text by itself (without the embeddings' mean, for which
the kernel's 1 stands), and the kernel, of which K has those
between X and k(x) those to X, counts what two texts of `length` tokens share:

    k(x, y) = 1 + Σ weight / length · equal pairs of what x and y are made of
"""

from itertools import accumulate

import torch
from torch import Tensor
from torch.nn import functional as F

NOISE = 0.1
IN_PLACE = 0.25  # the weight of equal tokens in the same place
# Of tokens anywhere, of two and three neighbours, and of two with another between: which tokens of
# a run count, and the weight of two equal ones.
ANYWHERE = (((0,), 0.3), ((0, 1), 0.25), ((0, 1, 2), 0.1), ((0, 2), 0.1))


def expected(
    vocabulary: int, ids: Tensor, vectors: Tensor, texts: Tensor, by_itself: Tensor
) -> Tensor:
    """The expected embeddings of texts, (m, length) → (m, dim).

    ids and vectors: of texts that were embedded, (n, length) and (n, dim); by_itself: what the
    surrogate predicts of these and then of the texts, (n + m, dim)
    """
    n = len(ids)
    kernel = _kernel(vocabulary, torch.cat([ids, texts]), n)
    noisy = kernel[:n] + NOISE * torch.eye(n, device=ids.device)
    weights = torch.linalg.solve(noisy, vectors - by_itself[:n])
    return torch.addmm(by_itself[n:], kernel[n:], weights)


def _kernel(vocabulary: int, texts: Tensor, n: int) -> Tensor:
    """Between texts, (m, length), and the first n of them → (m, n)."""
    m, length = texts.shape
    codes, weights = _made_of(vocabulary, texts)
    known, which = codes[:n].unique(return_inverse=True)
    owners = torch.arange(n, device=texts.device)[:, None].expand_as(which)
    table = torch.zeros(len(known) + 1, n, device=texts.device)  # the last: what none of them has
    table.index_put_((which, owners), weights.expand(n, -1) / length, accumulate=True)
    at = torch.searchsorted(known, codes).clamp_max(len(known) - 1)
    at = torch.where(known[at] == codes, at, len(known))
    return 1 + F.embedding_bag(at, table, mode="sum")


def _made_of(vocabulary: int, texts: Tensor) -> tuple[Tensor, Tensor]:
    """A number for all that texts, (m, length), are made of, (m, parts), and weights, (parts,)."""
    texts, length, kinds = texts.long(), texts.shape[1], 1 + len(ANYWHERE)
    places = torch.arange(length, device=texts.device)
    codes, weights = [(places * vocabulary + texts) * kinds], [IN_PLACE] * length
    for kind, (tokens, weight) in enumerate(ANYWHERE, 1):
        number = max(length - tokens[-1], 0)
        parts = (texts[:, token : token + number] for token in tokens)
        *_, code = accumulate(parts, lambda before, token: before * vocabulary + token)
        codes.append(code * kinds + kind)
        weights += [weight] * number
    return torch.cat(codes, 1), torch.tensor(weights, device=texts.device)
