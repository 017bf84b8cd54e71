"""The search `elitist` for one text: the best hypothesis ever seen is kept.

Of hypotheses of one text a corrector writes mostly the same. So few hypotheses are corrected in a
round, and many more sequences decoded of each than are tried. The same hypotheses are also
edited. What was written and what was edited wait from round to round, each kind for itself, and the
most promising of both that were not tried before are, by turns. What waits is weighed anew in each
round, with the nearest of all that was seen until then; and what promises most is edited before it
is embedded, so that a round can be two changes away.
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
    Seen,
    Trial,
    recovered_first,
)


@dataclass
class Elitist:
    """See the module's docstring."""

    row: int
    effort: Effort
    known: list[Hypothesis]  # embedded, as `recovered_first` sorts them
    seen: Seen  # embedded, if only roughly
    waiting: list[Candidates] = field(default_factory=list)  # of each kind
    chosen: set[bytes] = field(default_factory=set)  # tokens that have left for the embedder
    tried: set[str] = field(default_factory=set)  # their texts
    corrected: set[str] = field(default_factory=set)  # texts
    foreseen: set[bytes] = field(default_factory=set)  # tokens edited before they were embedded
    idle: int = 0  # rounds without gain
    history: list[Round] = field(default_factory=list)

    @classmethod
    def begin(cls, row: int, effort: Effort, first: Hypothesis) -> "Elitist":
        """From the hypothesis of round 0."""
        chosen = {first.ids.tobytes()}
        history = [Round(first, first, 1)]
        known = [first], Seen.of([first])
        return cls(row, effort, *known, chosen=chosen, tried={first.text}, history=history)

    @property
    def best(self) -> Hypothesis:
        """The nearest to the target so far, but what is recovered before what is not."""
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

    def gather(self, made: Sequence[Candidates]) -> list[Candidates]:
        """What may be tried, of each kind: what was made now, and what waits, judged already."""
        waiting = self.waiting or [kind.take([]) for kind in made]
        pairs = map(Candidates.joined, zip(waiting, made, strict=True))
        return [_distinct(_first(pair, pair.likelihoods), self.chosen) for pair in pairs]

    def foresee(self, kinds: Sequence[Candidates], promises: Sequence[np.ndarray]) -> Candidates:
        """Of what was gathered the most promising to be edited now, before it is embedded."""
        ordered = _first(Candidates.joined(kinds), np.concatenate(promises))
        found = _distinct(ordered, self.foreseen, self.effort.foreseen)
        self.foreseen.update(found.keys())
        return found

    def choose(self, kinds: Sequence[Candidates], promises: Sequence[np.ndarray]) -> Candidates:
        """Which of what was gathered to try; promises: of each kind, (m,)."""
        kept = self.effort.tried * self.effort.breadth
        most = self.effort.tried + kept
        kinds = [_first(*each, most) for each in zip(kinds, promises, strict=True)]
        first = (len(self.history) - 1) % len(kinds)  # where a round tries but one
        best = _distinct(_by_turns(kinds[first:] + kinds[:first]), self.chosen, self.effort.tried)
        self.chosen.update(best.keys())
        self.waiting = [_distinct(kind, self.chosen, kept) for kind in kinds]
        return best

    def trial(self, chosen: Candidates, texts: Sequence[str]) -> Trial:
        """Of the candidates, and how they read, what was not tried yet in whatever tokens."""
        new = {text: row for row, text in reversed([*enumerate(texts)]) if text not in self.tried}
        self.tried.update(new)
        return Trial(chosen, texts).take(sorted(new.values()))

    def add(self, new: list[Hypothesis], seen: Seen | None) -> None:
        """End a round that brought these hypotheses, and what was seen, if anything was tried."""
        before = self.best
        self.seen = self.seen if seen is None else self.seen + seen
        self.known = sorted(self.known + new, key=recovered_first)
        self.idle = 0 if self.best.cosine > before.cosine else self.idle + 1
        self._record(min(new, key=recovered_first, default=None))
        if self.stopped:
            self._forget()

    def further(self, gathered: Sequence[Candidates], made: Candidates) -> Candidates:
        """Of what was made besides the distinct ones that were not gathered, and never chosen."""
        return _distinct(made, self.chosen.union(*(kind.keys() for kind in gathered)))

    def rest(self) -> None:
        """End a round in which the text had stopped."""
        self._record(None)

    def _parents(self) -> list[Hypothesis]:
        """The best that have not been corrected yet."""
        left = (h for h in self.known if h.text not in self.corrected)
        return list(itertools.islice(left, self.effort.corrected))

    def _forget(self) -> None:
        """Drop what only a text that goes on needs: others may do so for long."""
        self.known, self.waiting, self.seen = self.known[:1], [], Seen.of(self.known[:1])
        self.chosen, self.foreseen = set(), set()

    def _record(self, candidate: Hypothesis | None) -> None:
        self.history.append(Round(self.best, candidate, len(self.tried)))


def _first(candidates: Candidates, promise: np.ndarray, most: int | None = None) -> Candidates:
    """The most promising, so many, or all, what has no promise last; equal ones as they came."""
    return candidates.take(np.argsort(-promise, kind="stable")[:most])


def _distinct(ordered: Candidates, known: set[bytes], most: int | None = None) -> Candidates:
    """The first distinct ones that are not known, so many, or all."""
    found: dict[bytes, int] = {}
    for row, key in enumerate(ordered.keys()):
        if len(found) == most:
            break
        if key not in known:
            found.setdefault(key, row)
    return ordered.take([*found.values()])


def _by_turns(kinds: Sequence[Candidates]) -> Candidates:
    """The first of each kind, then the second of each, and so on."""
    ranks = np.concatenate([np.arange(len(kind)) for kind in kinds])
    return Candidates.joined(kinds).take(np.argsort(ranks, kind="stable"))
