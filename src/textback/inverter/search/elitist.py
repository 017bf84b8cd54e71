"""The search `elitist` for one text: the best hypothesis ever seen is kept.

Of hypotheses of one text a corrector writes mostly the same. So few hypotheses are corrected in a
round, and many more sequences decoded of each than are tried. The same hypotheses are also
edited. What was written and what was edited wait from round to round, each kind for itself, and
the likeliest of both that were not tried before are, by turns; see `Candidates` of what
counts as likely.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from textback.inverter.search.states import (
    Candidates,
    Effort,
    Hypothesis,
    Round,
    Trial,
    recovered_first,
)


@dataclass
class Elitist:
    """See the module's docstring."""

    row: int
    effort: Effort
    known: list[Hypothesis]  # embedded, best first
    waiting: list[Candidates] = field(default_factory=list)  # of each kind, the likeliest first
    chosen: set[bytes] = field(default_factory=set)  # tokens that have left for the embedder
    tried: set[str] = field(default_factory=set)  # their texts
    corrected: set[str] = field(default_factory=set)  # texts
    idle: int = 0  # rounds without gain
    history: list[Round] = field(default_factory=list)

    @classmethod
    def begin(cls, row: int, effort: Effort, first: Hypothesis) -> "Elitist":
        """From the hypothesis of round 0."""
        chosen = {first.ids.tobytes()}
        history = [Round(first, first, 1)]
        return cls(row, effort, [first], chosen=chosen, tried={first.text}, history=history)

    @property
    def best(self) -> Hypothesis:
        """The nearest to the target so far."""
        return self.known[0]

    @property
    def stopped(self) -> bool:
        """Recovered, given up, or at its end."""
        at_its_end = not any(map(len, self.waiting)) and not self._parents()
        return self.best.recovered or self.idle >= self.effort.patience or at_its_end

    def take(self) -> list[Hypothesis]:
        """The hypotheses to be corrected now."""
        parents = self._parents()
        self.corrected.update(parent.text for parent in parents)
        return parents

    def choose(self, made: Sequence[Candidates]) -> Candidates:
        """Which candidates to try: of these, a kind each, and of those that wait."""
        waiting = self.waiting or [kind.take([]) for kind in made]
        pairs = map(Candidates.joined, zip(waiting, made, strict=True))
        kept = self.effort.tried * self.effort.breadth
        kinds = [self._untried(_likeliest(pair), self.effort.tried + kept) for pair in pairs]
        first = (len(self.history) - 1) % len(kinds)  # where a round tries but one
        best = self._untried(_by_turns(kinds[first:] + kinds[:first]), self.effort.tried)
        self.chosen.update(best.keys())
        self.waiting = [self._untried(kind, kept) for kind in kinds]
        return best

    def trial(self, chosen: Candidates, texts: Sequence[str]) -> Trial:
        """Of the candidates, and how they read, what was not tried yet in whatever tokens."""
        new = {text: row for row, text in reversed([*enumerate(texts)]) if text not in self.tried}
        self.tried.update(new)
        return Trial(chosen, texts).take(sorted(new.values()))

    def add(self, new: list[Hypothesis]) -> None:
        """End a round that brought these hypotheses."""
        before = self.best
        self.known = sorted(self.known + new, key=recovered_first)
        self.idle = 0 if self.best.cosine > before.cosine else self.idle + 1
        self._record(min(new, key=recovered_first, default=None))

    def rest(self) -> None:
        """End a round in which the text had stopped."""
        self._record(None)

    def _parents(self) -> list[Hypothesis]:
        """The best that have not been corrected yet."""
        left = (h for h in self.known if h.text not in self.corrected)
        return list(itertools.islice(left, self.effort.corrected))

    def _untried(self, ordered: Candidates, most: int) -> Candidates:
        """The first distinct ones that were never chosen, so many."""
        found: dict[bytes, int] = {}
        for row, key in enumerate(ordered.keys()):
            if len(found) == most:
                break
            if key not in self.chosen:
                found.setdefault(key, row)
        return ordered.take([*found.values()])

    def _record(self, candidate: Hypothesis | None) -> None:
        self.history.append(Round(self.best, candidate, len(self.tried)))


def _likeliest(candidates: Candidates) -> Candidates:
    """The likeliest first, equal ones as they came."""
    return candidates.take(np.argsort(-candidates.likelihoods, kind="stable"))


def _by_turns(kinds: Sequence[Candidates]) -> Candidates:
    """The first of each kind, then the second of each, and so on."""
    ranks = np.concatenate([np.arange(len(kind)) for kind in kinds])
    return Candidates.joined(kinds).take(np.argsort(ranks, kind="stable"))
