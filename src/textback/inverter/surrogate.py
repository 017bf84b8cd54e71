"""A linear surrogate of the embedder: what each token, pair and triple adds to a text's embedding.

    φ(x) ≈ mean + Σ vectors[runs of x]

by ridge regression on training passages. Of a text near x̂, whose embedding ê is known, it predicts

    φ(x) ≈ ê + DAMPED · (Σ vectors[runs of x] − Σ vectors[runs of x̂])

and so how near e it lies, before it is embedded. It is of passages of one length: in longer texts a
token changes less than it says, in shorter ones more.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from textback.inverter.ngrams import WIDEST, NGrams

ROWS = 100_000  # training passages that it is fitted to
RIDGE = 10.0  # passages that a run is seen in beside, where it adds nothing
ITERATIONS = 10  # of conjugate gradients: the cosine of what is predicted stands still from there
DAMPED = 0.7  # a token changes an embedding less where the others are the same
SHORTLIST = 4  # times as many substitutions of a width are judged as are asked for


class Surrogate(nn.Module):
    """See the module's docstring.

    ngrams: the runs that it knows; vectors: what each adds, (runs, dim) in 16 bits, zeros before it
    is fitted and of the last, which stands for all others
    """

    vectors: Tensor

    def __init__(self, vocabulary: int, dimension: int) -> None:
        super().__init__()
        self._vocabulary = vocabulary
        self.ngrams = NGrams(vocabulary)
        self.register_buffer("vectors", torch.zeros(len(self.ngrams), dimension).half())

    @property
    def fitted(self) -> bool:
        """Whether it predicts anything; waits for the device."""
        return bool(self.vectors.any())

    @torch.no_grad()
    def fit(self, ids: Tensor, embeddings: Tensor) -> None:
        """Learn from passages, ids (n, length), and their embeddings, (n, dim)."""
        self.ngrams.learn(ids)
        runs = torch.cat(self.ngrams(ids), 1)
        self.vectors.copy_(_ridge(runs, embeddings - embeddings.mean(0), len(self.ngrams)))

    def cosines(self, target: Tensor, vector: Tensor, ids: Tensor, candidates: Tensor) -> Tensor:
        """The predicted cosines to e of candidates near x̂, (m, k, length) → (m, k).

        target: e, (m, dim); vector: ê, (m, dim); ids: x̂, (m, length)
        """
        changed = self._sums(candidates) - self._sums(ids[:, None])
        return F.cosine_similarity(vector[:, None] + DAMPED * changed, target[:, None], dim=2)

    def substitutions(
        self, target: Tensor, vector: Tensor, ids: Tensor, barred: Tensor, most: int
    ) -> Tensor:
        """The texts nearest to e, as predicted, that have another run in place of one of x̂'s.

        Of one, two or three tokens, of which the first and the last are others than those in their
        places; only of tokens that training passages had. A shortlist of each width leaves out what
        a run adds together with the tokens beside it.

        As for `cosines`; barred: (vocabulary,), -inf for what is never written → (m, `most`,
        length), where there are not as many x̂ itself, too
        """
        unseen = (self.vectors[: self._vocabulary] == 0).all(1)  # of which nothing is known
        free = barred.masked_fill(unseen, -torch.inf)
        widths = range(1, min(WIDEST, ids.shape[1]) + 1)
        found = [
            self._replaced(target, vector, ids, free, width, SHORTLIST * most) for width in widths
        ]
        texts, allowed = (torch.cat(parts, 1) for parts in zip(*found, strict=True))
        cosines = self.cosines(target, vector, ids, texts).masked_fill(~allowed, -torch.inf)
        best, chosen = cosines.topk(min(most, texts.shape[1]))
        nearest = texts.gather(1, chosen[..., None].expand(*chosen.shape, ids.shape[1]))
        return torch.where(best.isneginf()[..., None], ids[:, None], nearest)

    def _replaced(
        self, target: Tensor, vector: Tensor, ids: Tensor, free: Tensor, width: int, most: int
    ) -> tuple[Tensor, Tensor]:
        """Of one width those that are nearest, and which of them may be: (m, k, length), (m, k)."""
        runs = self.ngrams.tokens(width)
        added = DAMPED * self._sums(runs)
        rest = vector[:, None] - DAMPED * self._broken(ids, width)
        dot = rest @ target[..., None] + (target @ added.T)[:, None]
        square = rest.square().sum(2, keepdim=True) + added.square().sum(1)
        square = square.add_(rest @ added.T, alpha=2).clamp_min_(1e-12)
        cosines = dot.mul_(square.rsqrt_()).add_(free[runs].sum(1)).flatten(1)
        best, chosen = cosines.topk(min(most, cosines.shape[1]))
        first, run = chosen // len(runs), chosen % len(runs)
        places = first[..., None] + torch.arange(width, device=ids.device)
        texts, new = ids[:, None].repeat(1, chosen.shape[1], 1), runs[run].to(ids.dtype)
        changed = texts.gather(2, places) != new
        allowed = changed[..., 0] & changed[..., -1] & ~best.isneginf()
        return texts.scatter(2, places, new), allowed

    def _broken(self, ids: Tensor, width: int) -> Tensor:
        """What those runs of texts add that another run in a place would break.

        (m, length) → (m, length − width + 1, dim)
        """
        first = torch.arange(ids.shape[1] - width + 1, device=ids.device)
        broken = 0.0
        for other, runs in enumerate(self.ngrams(ids), 1):
            upto = F.pad(self.vectors[runs].float(), (0, 0, 1, 0)).cumsum(1)
            begin = (first - other + 1).clamp_min(0)
            end = (first + width).clamp_max(runs.shape[1])
            broken = broken + upto[:, end] - upto[:, begin]
        return broken

    def _sums(self, ids: Tensor) -> Tensor:
        """What the runs of texts add together, (…, length) → (…, dim)."""
        runs = torch.cat(self.ngrams(ids), -1)
        return _sums(self.vectors, runs.flatten(0, -2)).float().unflatten(0, ids.shape[:-1])


def _sums(vectors: Tensor, runs: Tensor) -> Tensor:
    return F.embedding_bag(runs, vectors, mode="sum")


def _ridge(runs: Tensor, wanted: Tensor, number: int) -> Tensor:
    """Ridge regression of vectors, (n, dim), on counts of runs → (number, dim).

    runs: (n, runs of a text); number: of all runs, of which the last adds nothing. By
    preconditioned conjugate gradients (Saad 2003, algorithm 9.1), each dimension for itself: the
    normal equations would not fit in memory.
    """

    counts = torch.bincount(runs.flatten(), minlength=number)
    passages = runs.flatten().argsort(stable=True) // runs.shape[1]  # run by run
    begins = counts.cumsum(0) - counts

    def spread(rows: Tensor) -> Tensor:
        """Each passage's vector to its runs, (n, dim) → (number, dim)."""
        to = F.embedding_bag(passages, rows, begins, mode="sum")
        to[-1] = 0
        return to

    scale = counts[:, None] + RIDGE
    left = spread(wanted)
    found, ahead = torch.zeros_like(left), left / scale
    product = (left * ahead).sum(0)
    for _ in range(ITERATIONS):
        bent = spread(_sums(ahead, runs)).add_(ahead, alpha=RIDGE)
        step = product / (ahead * bent).sum(0).clamp_min(1e-30)
        found.addcmul_(step, ahead)
        left.sub_(bent.mul_(step))
        scaled = left / scale
        before, product = product, (left * scaled).sum(0)
        ahead = ahead.mul_(product / before.clamp_min(1e-30)).add_(scaled)
    return found
