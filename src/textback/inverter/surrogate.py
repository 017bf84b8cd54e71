"""A linear surrogate of the embedder: what each token, pair and triple adds to a text's embedding.

    φ(x) ≈ mean + Σ vectors[runs of x]

by ridge regression on training passages. Of a text near x̂, whose embedding ê is known, it predicts

    φ(x) ≈ ê + DAMPED · (Σ vectors[runs of x] − Σ vectors[runs of x̂])

and so how near e it lies, before it is embedded; given the embeddings of several texts, see
`kriging.py`. It is of passages of one length: in longer texts a token changes less than it says, in
shorter ones more.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from textback import device
from textback.inverter import kriging
from textback.inverter.ngrams import WIDEST, NGrams

ROWS = 100_000  # training passages that it is fitted to
RIDGE = 10.0  # passages that a run is seen in beside, where it adds nothing
ITERATIONS = 10  # of conjugate gradients: the cosine of what is predicted stands still from there
TOGETHER = 128  # dimensions that are fitted at a time
DAMPED = 0.7  # a token changes an embedding less where the others are the same
SHORTLIST = 4  # times as many substitutions of a width are judged as are asked for


@dataclass(frozen=True)
class Known:
    """The runs of a width that a surrogate knows, (n, width).

    added: what each adds by itself, damped, (n, dim), in bf16 where the hardware multiplies in it:
    it is for a shortlist, which has more than is wanted; square: its squared length, (n,); free: 0,
    or -inf for what is not to be proposed, (n,)
    """

    tokens: Tensor
    added: Tensor
    square: Tensor
    free: Tensor


class Surrogate(nn.Module):
    """See the module's docstring.

    ngrams: the runs that it knows; vectors: what each adds, (runs, dim) in 16 bits, zeros before it
    is fitted and of the last, which stands for all others
    """

    vectors: Tensor

    def __init__(self, vocabulary: int, dimension: int) -> None:
        super().__init__()
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

    def expected_cosines(
        self, target: Tensor, ids: Tensor, vectors: Tensor, there: Tensor, candidates: Tensor
    ) -> Tensor:
        """The cosines to e of candidates, given texts that were embedded, (m, k, length) → (m, k).

        target: e, (m, dim); ids and vectors: of the texts that were embedded for each, (m, n,
        length) and (m, n, dim); there: which of these there are, (m, n)
        """
        found = self.expected(ids, vectors, there, candidates)
        return F.cosine_similarity(found, target[:, None], dim=2)

    def expected(self, ids: Tensor, vectors: Tensor, there: Tensor, candidates: Tensor) -> Tensor:
        """Candidates' embeddings, given texts that were embedded, (m, k, length) → (m, k, dim).

        ids, vectors and there: as for `expected_cosines`
        """
        by_itself = self._sums(torch.cat([ids, candidates], 1))
        return kriging.expected(ids, vectors, there, candidates, by_itself)

    def known(self, barred: Tensor) -> list[Known]:
        """What there is to propose, by width.

        Only runs that training passages had: of others nothing is known.

        barred: (vocabulary,), -inf for what is never written
        """
        found = []
        for width in range(1, WIDEST + 1):
            tokens = self.ngrams.tokens(width)
            seen = self.vectors[self.ngrams.numbers(width)].any(1)
            free = barred[tokens].sum(1).masked_fill(~seen, -torch.inf)
            added = DAMPED * self._sums(tokens)
            fast = added.bfloat16() if device.has_bf16(added.device.type) else added
            found.append(Known(tokens, fast, added.square().sum(1), free))
        return found

    def shortlist(
        self, target: Tensor, vector: Tensor, ids: Tensor, known: list[Known], most: int
    ) -> tuple[Tensor, Tensor]:
        """Texts that have another run in place of one of x̂'s: of each width the nearest to e.

        As predicted but for what a run adds with the tokens beside it. target, vector, ids: as for
        `cosines` → texts, (m, k, length), and which of them may be proposed, (m, k): those whose
        run begins and ends with other tokens than the one that was there
        """
        upto = [
            F.pad(self.vectors[runs].float(), (0, 0, 1, 0)).cumsum(1) for runs in self.ngrams(ids)
        ]
        found = []
        for width, runs in enumerate(known[: ids.shape[1]], 1):
            rest = vector[:, None] - DAMPED * _overlapping(upto, width)
            found.append(_replaced(target, rest, ids, runs, most))
        texts, allowed = zip(*found, strict=True)
        return torch.cat(texts, 1), torch.cat(allowed, 1)

    def _sums(self, ids: Tensor) -> Tensor:
        """What the runs of texts add together, (…, length) → (…, dim)."""
        runs = torch.cat(self.ngrams(ids), -1)
        sums = F.embedding_bag(runs.flatten(0, -2), self.vectors, mode="sum")
        return sums.float().unflatten(0, ids.shape[:-1])


def _overlapping(upto: list[Tensor], width: int) -> Tensor:
    """What those runs of texts add that have a token in a place of a width.

    upto: by the width of runs, the sums of those before each, (m, runs + 1, dim) → (m, length −
    width + 1, dim)
    """
    length = upto[0].shape[1] - 1
    first = torch.arange(length - width + 1, device=upto[0].device)
    overlapping = 0.0
    for other, sums in enumerate(upto, 1):
        begin = (first - other + 1).clamp_min(0)
        end = (first + width).clamp_max(sums.shape[1] - 1)
        overlapping = overlapping + sums[:, end] - sums[:, begin]
    return overlapping


def _replaced(
    target: Tensor, rest: Tensor, ids: Tensor, known: Known, most: int
) -> tuple[Tensor, Tensor]:
    """The texts of one width of a shortlist; rest: ê without what they break, (m, places, dim)."""
    number, width = known.tokens.shape
    dot = rest @ target[..., None] + _products(target, known.added)[:, None]
    square = rest.square().sum(2, keepdim=True) + known.square
    square = square.add_(_products(rest, known.added), alpha=2).clamp_min_(1e-12)
    cosines = dot.mul_(square.rsqrt_()).add_(known.free).flatten(1)
    best, chosen = cosines.topk(min(most, cosines.shape[1]))
    first, run = chosen // number, chosen % number
    places = first[..., None] + torch.arange(width, device=ids.device)
    texts, new = ids[:, None].repeat(1, chosen.shape[1], 1), known.tokens[run].to(ids.dtype)
    changed = texts.gather(2, places) != new
    allowed = changed[..., 0] & changed[..., -1] & ~best.isneginf()
    return texts.scatter(2, places, new), allowed


def _products(vectors: Tensor, added: Tensor) -> Tensor:
    """Inner products, (…, dim) and (n, dim) → (…, n), as fp32 numbers of `added`'s precision."""
    return (vectors.to(added.dtype) @ added.T).float()


def nearest(ids: Tensor, texts: Tensor, allowed: Tensor, cosines: Tensor, most: int) -> Tensor:
    """Of a shortlist the nearest, (m, `most`, length); x̂, too, where there are not as many.

    ids: x̂; texts and allowed: see `Surrogate.shortlist`; cosines: of the texts, (m, k)
    """
    best, chosen = cosines.masked_fill(~allowed, -torch.inf).topk(min(most, texts.shape[1]))
    found = texts.gather(1, chosen[..., None].expand(*chosen.shape, ids.shape[1]))
    return torch.where(best.isneginf()[..., None], ids[:, None], found)


def _ridge(runs: Tensor, wanted: Tensor, number: int) -> Tensor:
    """Ridge regression of vectors, (n, dim), on counts of runs → (number, dim).

    runs: (n, runs of a text); number: of all runs, of which the last adds nothing. By
    preconditioned conjugate gradients (Saad 2003, algorithm 9.1), each dimension for itself: the
    normal equations would not fit in memory.
    """
    counts = torch.bincount(runs.flatten(), minlength=number)
    begins = counts.cumsum(0) - counts
    passages = runs.flatten().argsort(stable=True)[: int(begins[-1])] // runs.shape[1]

    def spread(rows: Tensor) -> Tensor:
        """Each passage's vector to its runs, (n, columns) → (number, columns)."""
        return F.embedding_bag(passages, rows, begins, mode="sum")

    def gathered(added: Tensor) -> Tensor:
        return F.embedding_bag(runs, added, mode="sum")

    scale = counts[:, None] + RIDGE
    solved = [_solved(spread, gathered, scale, part) for part in wanted.split(TOGETHER, 1)]
    return torch.cat(solved, 1)


def _solved(
    spread: Callable[[Tensor], Tensor],
    gathered: Callable[[Tensor], Tensor],
    scale: Tensor,
    wanted: Tensor,
) -> Tensor:
    """Some columns of a ridge regression, whose matrix `gathered` multiplies with.

    spread: with its transpose; scale: the diagonal of the normal equations
    """
    left = spread(wanted)
    found, ahead = torch.zeros_like(left), left / scale
    product = (left * ahead).sum(0)
    for _ in range(ITERATIONS):
        bent = spread(gathered(ahead)).add_(ahead, alpha=RIDGE)
        step = product / (ahead * bent).sum(0).clamp_min(1e-30)
        found.addcmul_(step, ahead)
        left.sub_(bent.mul_(step))
        scaled = left / scale
        before, product = product, (left * scaled).sum(0)
        ahead = ahead.mul_(product / before.clamp_min(1e-30)).add_(scaled)
    return found
