"""The search `elitist` for one text: the best hypothesis ever seen is kept.

Of hypotheses of one text a corrector writes mostly the same. So few hypotheses are corrected in a
round, and many more sequences decoded of each than are embedded. Those not tried yet wait, from
round to round, and the likeliest are embedded.
"""

import itertools
from dataclasses import dataclass, field

import numpy as np

from textback.inverter.search.states import Candidates, Effort, Hypothesis, Round, by_cosine


@dataclass
class Elitist:
    """See the module's docstring."""

    row: int
    effort: Effort
    known: list[Hypothesis]  # embedded, best first
    waiting: Candidates  # the likeliest first
    chosen: set[bytes] = field(default_factory=set)  # tokens that have left for the embedder
    corrected: set[str] = field(default_factory=set)  # their texts
    idle: int = 0  # rounds without gain
    history: list[Round] = field(default_factory=list)

    @classmethod
    def begin(cls, row: int, effort: Effort, first: Hypothesis) -> "Elitist":
        """From the hypothesis of round 0."""
        nothing, chosen = Candidates.none(first), {first.ids.tobytes()}
        return cls(row, effort, [first], nothing, chosen, history=[Round(first, first, 1)])

    @property
    def best(self) -> Hypothesis:
        """The nearest to the target so far."""
        return self.known[0]

    @property
    def stopped(self) -> bool:
        """Recovered, given up, or at its end."""
        at_its_end = not len(self.waiting) and not self._parents()
        return self.best.recovered or self.idle >= self.effort.patience or at_its_end

    def take(self) -> list[Hypothesis]:
        """The hypotheses to be corrected now."""
        parents = self._parents()
        self.corrected.update(parent.text for parent in parents)
        return parents

    def choose(self, decoded: Candidates) -> Candidates:
        """Which candidates to embed, of these and of those that wait."""
        pool = Candidates.joined([self.waiting, decoded])
        wanted = self.effort.embedded
        ranked = self._likeliest(pool, wanted * (1 + self.effort.breadth))
        best, self.waiting = (pool.take(part) for part in (ranked[:wanted], ranked[wanted:]))
        self.chosen.update(row.tobytes() for row in best.ids)
        return best

    def add(self, new: list[Hypothesis]) -> None:
        """End a round that brought these hypotheses."""
        before = self.best
        # Other tokens may spell the same text: the likeliest stand first, and last here.
        known = {hypothesis.text for hypothesis in self.known}
        new = [*{h.text: h for h in reversed(new) if h.text not in known}.values()]
        self.known = sorted(self.known + new, key=by_cosine)
        self.idle = 0 if self.best.cosine > before.cosine else self.idle + 1
        self._record(min(new, key=by_cosine, default=None))

    def rest(self) -> None:
        """End a round in which the text had stopped."""
        self._record(None)

    def _parents(self) -> list[Hypothesis]:
        """The best that have not been corrected yet."""
        left = (h for h in self.known if h.text not in self.corrected)
        return list(itertools.islice(left, self.effort.corrected))

    def _likeliest(self, pool: Candidates, most: int) -> list[int]:
        """The rows of so many distinct candidates that were never chosen, the likeliest first."""
        found: dict[bytes, int] = {}
        for row in np.argsort(-pool.likelihoods, kind="stable").tolist():
            tokens = pool.ids[row].tobytes()
            if tokens not in self.chosen:
                found.setdefault(tokens, row)
            if len(found) == most:
                break
        return [*found.values()]

    def _record(self, candidate: Hypothesis | None) -> None:
        self.history.append(Round(self.best, candidate, len(self.known)))
