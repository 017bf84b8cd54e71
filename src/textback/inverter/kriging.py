"""What texts' embeddings are expected to be, given those of texts like them: kriging.

    φ(x) ≈ s(x) + k(x)ᵀ (K + NOISE · I)⁻¹ (φ(X) − s(X))

(Gaussian process regression: Rasmussen and Williams 2006, equation 2.38.) X are texts that were
embedded, s what a surrogate predicts of a text by itself (without the embeddings' mean, for which
the kernel's first 1 stands), and the kernel, of which K has those between X and k(x) those to X,
counts what two texts of `length` tokens share, the less the farther apart the surrogate sees them:

    k(x, y) = 1 + exp(−|s(x) − s(y)|² / mean |s(X)|²)
                  · (1 + Σ weight / length · equal pairs of what x and y are made of)

Of several targets together, each by the texts that were embedded for it.
"""

from itertools import accumulate

import torch
from torch import Tensor
from torch.nn import functional as F

NOISE = 0.1
TINY = 1e-12  # where a surrogate predicts nothing
IN_PLACE = 0.25  # the weight of equal tokens in the same place
# Of tokens anywhere, of two and three neighbours, and of two with another between: which tokens of
# a run count, and the weight of two equal ones.
ANYWHERE = (((0,), 0.3), ((0, 1), 0.25), ((0, 1, 2), 0.1), ((0, 2), 0.1))


def expected(
    ids: Tensor, vectors: Tensor, there: Tensor, texts: Tensor, by_itself: Tensor
) -> Tensor:
    """The expected embeddings of texts of some targets, (t, m, length) → (t, m, dim).

    ids and vectors: of texts that were embedded for each, (t, n, length) and (t, n, dim); there:
    which of these there are, (t, n), of others nothing is used; by_itself: what the surrogate
    predicts of these and then of the texts, (t, n + m, dim)
    """
    n = ids.shape[1]
    shared = _shared(torch.cat([ids, texts], 1), n)
    kernel = 1 + shared * _nearness(by_itself, there)
    both = there[:, None] & there[..., None]
    between = kernel[:, :n] * both + NOISE * torch.eye(n, device=ids.device)
    away = (vectors - by_itself[:, :n]) * there[..., None]
    weights = torch.cholesky_solve(away, torch.linalg.cholesky_ex(between)[0])
    return torch.baddbmm(by_itself[:, n:], kernel[:, n:], weights)


def _nearness(by_itself: Tensor, there: Tensor) -> Tensor:
    """Between texts, by what the surrogate predicts of them, (t, m, dim), and the first n of them.

    there: which of these there are, (t, n) → (t, m, n)
    """
    n = there.shape[1]
    square = by_itself.square().sum(2, keepdim=True)
    squares, there = square[:, :n].mT, there[:, None]
    apart = (square + squares - 2 * by_itself @ by_itself[:, :n].mT).clamp_min(0)
    mean = (squares * there).sum(2, keepdim=True) / there.sum(2, keepdim=True)
    return torch.exp(-apart / mean.clamp_min(TINY))


def _shared(texts: Tensor, n: int) -> Tensor:
    """What texts, (t, m, length), share with the first n of a target's → (t, m, n)."""
    length = texts.shape[2]
    codes, weights = _made_of(texts)
    present, which = codes[:, :n].unique(return_inverse=True)
    owners = torch.arange(n, device=texts.device)[:, None].expand_as(which)
    table = torch.zeros(len(present) + 1, n, device=texts.device)  # the last: what none of them has
    table.index_put_((which, owners), (weights / length).expand_as(which), accumulate=True)
    at = torch.searchsorted(present, codes).clamp_max(len(present) - 1)
    at = torch.where(present[at] == codes, at, len(present))
    return 1 + F.embedding_bag(at.flatten(0, 1), table, mode="sum").unflatten(0, at.shape[:2])


def _made_of(texts: Tensor) -> tuple[Tensor, Tensor]:
    """A number for all that texts, (t, m, length), are made of, (t, m, parts); weights, (parts,).

    Of two targets' texts these are never the same.
    """
    distinct, texts = texts.unique(return_inverse=True)  # few, so that their numbers have 64 bits
    size, length, kinds = len(distinct), texts.shape[2], 1 + len(ANYWHERE)
    targets = torch.arange(len(texts), device=texts.device)[:, None, None]
    places = torch.arange(length, device=texts.device)
    codes = [((targets * length + places) * size + texts) * kinds]
    weights = [IN_PLACE] * length
    for kind, (tokens, weight) in enumerate(ANYWHERE, 1):
        number = max(length - tokens[-1], 0)
        parts = (texts[..., token : token + number] for token in tokens)
        *_, code = accumulate(parts, lambda run, token: run * size + token, initial=targets)
        codes.append(code * kinds + kind)
        weights += [weight] * number
    return torch.cat(codes, 2), torch.tensor(weights, device=texts.device)
