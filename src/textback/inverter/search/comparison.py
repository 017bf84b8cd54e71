"""How near candidates are to their targets: embedded and compared.

Of what a round tries nearly all is far from its target. A screen that is faster than the embedder,
such as the embedder in bf16, tells so, and only the nearest are embedded in full precision.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from textback.inverter.search.states import Hypothesis, Seen, Trial
from textback.vectors import cosines

RECOVERED = 1e-5  # of a cosine to 1: the same embedding; 16-bit storage costs 1e-7
# What bytes that make no character are read as; embedders may drop it. A text that really has one
# is told from these by nothing: it is not said to be recovered, and may give way to one without.
NO_CHARACTER = "\ufffd"
T = TypeVar("T")
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
    """Of what is tried for each target the nearest, as a screen sees them.

    embed: candidates' embeddings, roughly; most: candidates that stay, of each target
    """

    def __init__(self, embed: Embed, most: int) -> None:
        self._embedded, self._most = Embedded(embed, memory=True), most

    def __call__(
        self, rows: Sequence[int], trials: Sequence[Trial], targets: np.ndarray
    ) -> list[tuple[Trial, Seen]]:
        """What stays of the trials of some targets, in its order, and what is seen of them all.

        rows: which of the targets, (n, dim)
        """
        together = Trial.joined(trials)
        vectors = np.stack(self._embedded(together.texts, together.candidates.ids))
        cosine = cosines(vectors, targets[_whose(rows, trials)])
        each = zip(trials, _split(vectors, trials), _split(cosine, trials), strict=True)
        return [
            (self._nearest(trial, cosine), Seen(trial.candidates.ids, vectors, cosine))
            for trial, vectors, cosine in each
        ]

    def _nearest(self, trial: Trial, cosine: np.ndarray) -> Trial:
        return trial.take(np.sort(np.argsort(-cosine, kind="stable")[: self._most]))


@dataclass(frozen=True)
class Comparison:
    """Embeds texts, and says how near they are to their targets, (n, dim).

    Of the trials of some targets it returns what a screen leaves, in full precision, and all that
    was seen, as the screen saw it where there is one: none, or nothing, where nothing was tried.
    """

    embedded: Embedded
    screen: Screen | None
    targets: np.ndarray

    def __call__(
        self, rows: Sequence[int], trials: Sequence[Trial]
    ) -> list[tuple[list[Hypothesis], Seen | None]]:
        """See the class's docstring."""
        if not any(map(len, trials)):
            return [([], None) for _ in trials]
        if self.screen is None:
            found = self._each(rows, trials)
            return [(new, Seen.of(new) if new else None) for new in found]
        trials, seen = zip(*self.screen(rows, trials, self.targets), strict=True)
        return list(zip(self._each(rows, trials), seen, strict=True))

    def _each(self, rows: Sequence[int], trials: Sequence[Trial]) -> list[list[Hypothesis]]:
        """The trials of some targets, embedded in full precision."""
        return _split(self.exact(_whose(rows, trials), Trial.joined(trials)), trials)

    def exact(self, rows: np.ndarray, trial: Trial) -> list[Hypothesis]:
        """Candidates of several targets, embedded in full precision; rows: whose they are, (m,)."""
        ids, targets = trial.candidates.ids, self.targets[rows]
        vectors = self.embedded(trial.texts, ids)
        found = np.stack(vectors)
        # Of unit vectors the squared distance is twice what the cosine lacks to 1.
        distance = ((found - targets) ** 2).sum(1)
        readable = np.array([NO_CHARACTER not in text for text in trial.texts])
        recovered = readable & (distance <= 2 * RECOVERED * (targets**2).sum(1))
        cosine = cosines(found, targets).tolist()
        likelihoods = trial.candidates.likelihoods.tolist()
        columns = trial.texts, ids, vectors, cosine, recovered.tolist(), likelihoods
        return list(map(Hypothesis, *columns))


def _whose(rows: Sequence[int], trials: Sequence[Trial]) -> np.ndarray:
    """The row of each candidate of some trials, one row a trial, (m,)."""
    return np.repeat(rows, list(map(len, trials)))


def _split(together: Sequence[T], trials: Sequence[Trial]) -> list[Sequence[T]]:
    """What there is of each candidate of some trials, by trial."""
    ends = itertools.accumulate(map(len, trials))
    return [together[end - len(trial) : end] for trial, end in zip(trials, ends, strict=True)]
