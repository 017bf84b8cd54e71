"""How near candidates are to their targets: embedded and compared.

Of what a round tries nearly all is far from its target. A screen that is faster than the embedder,
such as the embedder in bf16, tells so, and only the nearest are embedded in full precision.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from textback.inverter.search.states import Candidates, Hypothesis
from textback.vectors import cosines

RECOVERED = 1e-5  # of a cosine to 1: the same embedding; 16-bit storage costs 1e-7
Embed = Callable[[Sequence[str], np.ndarray], np.ndarray]


class Embedded:
    """Texts' embeddings; with memory each distinct text is embedded once over the whole search."""

    def __init__(self, embed: Embed, memory: bool) -> None:
        self._embed = embed
        self._known: dict[str, np.ndarray] | None = {} if memory else None

    def __call__(self, texts: Sequence[str], ids: np.ndarray) -> list[np.ndarray]:
        """The embeddings of texts with ids (m, length), a vector each."""
        if self._known is None:
            return list(self._embed(texts, ids))
        new = {text: i for i, text in enumerate(texts) if text not in self._known}
        if new:
            unknown = sorted(new)
            vectors = self._embed(unknown, ids[[new[text] for text in unknown]])
            self._known.update(zip(unknown, vectors, strict=True))
        return [self._known[text] for text in texts]


class Screen:
    """Of the candidates of each target the nearest, as a screen sees them.

    embed: candidates' embeddings, roughly; most: candidates that stay, of each target
    """

    def __init__(self, embed: Embed, most: int) -> None:
        self._embedded, self._most = Embedded(embed, memory=True), most

    def __call__(
        self, texts: Sequence[str], ids: np.ndarray, rows: np.ndarray, targets: np.ndarray
    ) -> np.ndarray:
        """Which candidates stay, ascending.

        ids: of the texts, (m, length); rows: whose candidates they are, (m,), ascending; targets:
        (n, dim)
        """
        cosine = cosines(np.stack(self._embedded(texts, ids)), targets[rows])
        nearest = np.lexsort((-cosine, rows))
        rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
        return np.sort(nearest[rank < self._most])


@dataclass(frozen=True)
class Comparison:
    """Embeds texts, and says how near they are to their targets, (n, dim)."""

    decode: Callable[[Sequence[Sequence[int]]], list[str]]
    embedded: Embedded
    screen: Screen | None
    targets: np.ndarray

    def guesses(self, ids: np.ndarray) -> list[Hypothesis]:
        """A first hypothesis of each target, ids (n, length)."""
        texts = self.decode(ids.tolist())
        return _hypotheses(texts, ids, self.embedded(texts, ids), self.targets, [0.0] * len(ids))

    def __call__(
        self, rows: Sequence[int], chosen: Sequence[Candidates]
    ) -> list[tuple[list[Hypothesis], list[str]]]:
        """Of the candidates of some targets what a screen leaves, and the texts of them all."""
        sizes = list(map(len, chosen))
        if not sum(sizes):
            return [([], []) for _ in rows]
        whose, candidates = np.repeat(rows, sizes), Candidates.joined(chosen)
        texts = np.array(self.decode(candidates.ids.tolist()), object)
        kept = everything = np.arange(len(texts))
        if self.screen is not None:
            kept = self.screen(texts, candidates.ids, whose, self.targets)
        left, spelt = candidates.take(kept), texts[kept].tolist()
        vectors, own = self.embedded(spelt, left.ids), self.targets[whose[kept]]
        new = _hypotheses(spelt, left.ids, vectors, own, left.likelihoods.tolist())
        found = dict(zip(kept.tolist(), new, strict=True))
        parts = np.split(everything, np.cumsum(sizes)[:-1])
        return [([found[i] for i in part if i in found], texts[part].tolist()) for part in parts]


def _hypotheses(
    texts: Sequence[str],
    ids: np.ndarray,
    vectors: list[np.ndarray],
    targets: np.ndarray,
    likelihoods: Sequence[float],
) -> list[Hypothesis]:
    """Of texts with ids (m, length), vectors (dim,) each, and targets (m, dim)."""
    found = np.stack(vectors)
    # Of unit vectors the squared distance is twice what the cosine lacks to 1.
    distance = ((found - targets) ** 2).sum(1)
    recovered = distance <= 2 * RECOVERED * (targets**2).sum(1)
    cosine = cosines(found, targets).tolist()
    columns = texts, ids, vectors, cosine, recovered.tolist(), likelihoods
    return list(map(Hypothesis, *columns))
