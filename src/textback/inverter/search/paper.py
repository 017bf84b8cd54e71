"""The search `paper` for one text, as vec2text 0.0.13 does it (Morris et al. 2023, section 3.2)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from textback.inverter.search.states import (
    Candidates,
    Effort,
    Hypothesis,
    Round,
    Seen,
    Trial,
    by_cosine,
    by_likelihood,
)

RANKS = {"cosine": by_cosine, "likelihood": by_likelihood}


@dataclass
class Paper:
    """Each round goes on from the `beam` best distinct hypotheses of the round before."""

    row: int
    effort: Effort
    parents: list[Hypothesis]
    queries: int = 1
    history: list[Round] = field(default_factory=list)
    stopped: bool = False

    @classmethod
    def begin(cls, row: int, effort: Effort, first: Hypothesis) -> "Paper":
        """From the hypothesis of round 0."""
        return cls(row, effort, [first], 1, [Round(first, first, 1)])

    def take(self) -> list[Hypothesis]:
        """The hypotheses to be corrected now."""
        return self.parents

    def gather(self, made: Sequence[Candidates]) -> list[Candidates]:
        """What may be tried: what was written, and nothing is edited."""
        (written,) = made
        return [written]

    def choose(self, kinds: Sequence[Candidates], promises: Sequence[np.ndarray]) -> Candidates:
        """Which of what was gathered to try: all of it."""
        (written,) = kinds
        return written

    def trial(self, chosen: Candidates, texts: Sequence[str]) -> Trial:
        """The candidates, and how they read: the same text may be tried again."""
        self.queries += len(texts)
        return Trial(chosen, texts)

    def add(self, new: list[Hypothesis], seen: Seen | None) -> None:
        """End a round that brought these hypotheses; the distinct best become parents."""
        rank = RANKS[self.effort.rank]
        distinct = {h.text: h for h in sorted(new, key=rank, reverse=True)}
        self.parents = sorted(distinct.values(), key=rank)[: self.effort.corrected]
        self.history.append(Round(self.parents[0], self.parents[0], self.queries))

    def rest(self) -> None:
        """Never called: every text goes on to the last round."""
        raise AssertionError
