"""Rounds of correction: guess, embed the guess, compare, correct, and go on from the best.

After Morris et al. 2023, section 3.2. Two searches:

    elitist  ours: the best hypothesis ever seen is kept, so the cosine never falls. No hypothesis
             is corrected twice: each round takes the `beam` best ones not yet corrected, whichever
             round they come from. No text is embedded twice. A text stops when it is recovered or
             has not gained for `patience` rounds; the others fill the batches
    paper    the paper's, as vec2text 0.0.13 does it: each round goes on from the `beam` best
             distinct ones of the round before, whether they are better or not, to the last round
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from textback.vectors import cosines

RECOVERED = 1e-5  # of a cosine to 1: the same embedding; 16-bit storage costs 1e-7


@dataclass(frozen=True)
class Attack:
    """What the search needs of an inverter and an embedder, for passages of one length.

    guess: e (n, dim) → ids (n, length), the hypotheses of round 0
    decode: ids → texts
    embed: texts, and their ids (m, length) → embeddings (m, dim), reduced as e is
    read: e (n, dim) → what the corrector makes of e, once a text, for `correct`
    correct: read, rows (m,) of it, ê (m, dim), x̂ (m, length), width → ids (m, width, length) and
        their log-likelihoods (m, width)

    Without rounds there is no need to read and to correct.
    """

    guess: Callable[[np.ndarray], np.ndarray]
    decode: Callable[[Sequence[Sequence[int]]], list[str]]
    embed: Callable[[Sequence[str], np.ndarray], np.ndarray]
    read: Callable[[np.ndarray], Any] | None = None
    correct: (
        Callable[[Any, np.ndarray, np.ndarray, np.ndarray, int], tuple[np.ndarray, np.ndarray]]
        | None
    ) = None


@dataclass(frozen=True)
class Hypothesis:
    """A guessed text, its tokens (length,), its embedding (dim,) and its cosine to the target.

    recovered: whether its embedding is the target itself, length included; likelihood: its
    logarithm, given what it was corrected from, 0 for a first guess
    """

    text: str
    ids: np.ndarray
    vector: np.ndarray
    cosine: float
    recovered: bool
    likelihood: float


@dataclass(frozen=True)
class Round:
    """One text after one round: what the search would answer, and the best of the round's new ones.

    `candidate` is None where the round brought nothing new, or the text had stopped.
    queries: texts embedded for this text so far.
    """

    best: Hypothesis
    candidate: Hypothesis | None
    queries: int


@dataclass(frozen=True)
class Effort:
    """How hard to try.

    mode: `elitist` or `paper`; beam: hypotheses corrected a round, as many ways each; patience:
    rounds without gain before a text stops, in `elitist`; rank and parents: in `paper`, what a
    round's hypotheses are ranked by, `cosine` or `likelihood`, and how many go on, `beam` or `one`
    """

    mode: str
    beam: int
    rounds: int
    patience: int | None = None
    rank: str = "cosine"
    parents: str = "beam"


@dataclass
class Elitist:
    """The search for one text, by `elitist`."""

    row: int
    effort: Effort
    best: Hypothesis
    waiting: list[Hypothesis]  # not yet corrected, best first
    seen: set[str]
    idle: int = 0  # rounds without gain
    history: list[Round] = field(default_factory=list)

    @classmethod
    def begin(cls, row: int, effort: Effort, first: Hypothesis) -> "Elitist":
        """From the hypothesis of round 0."""
        return cls(row, effort, first, [first], {first.text}, 0, [Round(first, first, 1)])

    @property
    def stopped(self) -> bool:
        """Recovered, given up, or at its end."""
        given_up = self.idle >= self.effort.patience or not self.waiting
        return self.best.recovered or given_up

    def take(self) -> list[Hypothesis]:
        """The hypotheses to be corrected now."""
        beam = self.effort.beam
        parents, self.waiting = self.waiting[:beam], self.waiting[beam:]
        return parents

    def wanted(self, texts: list[str]) -> list[int]:
        """Which candidates to look at: each new text once."""
        first = {text: i for i, text in reversed(list(enumerate(texts)))}
        return sorted(i for text, i in first.items() if text not in self.seen)

    def add(self, new: list[Hypothesis]) -> None:
        """End a round that brought these hypotheses."""
        new.sort(key=_rank)
        self.waiting = sorted(self.waiting + new, key=_rank)
        self.seen.update(h.text for h in new)
        gained = bool(new) and new[0].cosine > self.best.cosine
        self.best = new[0] if gained else self.best
        self.idle = 0 if gained else self.idle + 1
        self._record(new[0] if new else None)

    def rest(self) -> None:
        """End a round in which the text had stopped."""
        self._record(None)

    def _record(self, candidate: Hypothesis | None) -> None:
        self.history.append(Round(self.best, candidate, len(self.seen)))


@dataclass
class Paper:
    """The search for one text, by `paper`."""

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

    def wanted(self, texts: list[str]) -> list[int]:
        """Which candidates to look at: all of them."""
        return list(range(len(texts)))

    def add(self, new: list[Hypothesis]) -> None:
        """End a round that brought these hypotheses; the distinct best become parents."""
        self.queries += len(new)
        rank = RANKS[self.effort.rank]
        distinct = {h.text: h for h in sorted(new, key=rank, reverse=True)}
        kept = 1 if self.effort.parents == "one" else self.effort.beam
        self.parents = sorted(distinct.values(), key=rank)[:kept]
        self.history.append(Round(self.parents[0], self.parents[0], self.queries))

    def rest(self) -> None:
        """Never called: every text goes on to the last round."""
        raise AssertionError


def _rank(hypothesis: Hypothesis) -> tuple[float, str]:
    """Sorts the best first, equal ones by their text."""
    return -hypothesis.cosine, hypothesis.text


def _likelihood_rank(hypothesis: Hypothesis) -> tuple[float, str]:
    return -hypothesis.likelihood, hypothesis.text


RANKS = {"cosine": _rank, "likelihood": _likelihood_rank}
SEARCHES: dict[str, type[Elitist] | type[Paper]] = {"elitist": Elitist, "paper": Paper}


def invert(
    attack: Attack,
    targets: np.ndarray,
    effort: Effort,
    on_round: Callable[[int, list[Round]], None] = lambda number, state: None,
) -> list[list[Round]]:
    """Invert embeddings, (n, dim), in rounds of correction.

    `on_round` is called after round 0, whose hypotheses `attack.guess` makes, and after each round.

    Returns the rounds 0 … `effort.rounds` of each text.
    """
    embedded = _Embedded(attack, memory=effort.mode != "paper")
    first = attack.guess(targets)
    texts = attack.decode(first.tolist())
    vectors = embedded(texts, first)
    kind = SEARCHES[effort.mode]
    guessed = _hypotheses(texts, first, vectors, targets, np.zeros(len(texts)))
    searches = [kind.begin(row, effort, hypothesis) for row, hypothesis in enumerate(guessed)]
    on_round(0, [search.history[-1] for search in searches])
    read = attack.read(targets) if effort.rounds else None
    for number in range(1, effort.rounds + 1):
        _round(attack, read, embedded, searches, targets)
        on_round(number, [search.history[-1] for search in searches])
    return [search.history for search in searches]


class _Embedded:
    """Embeds candidates; with memory each distinct text once over the whole search."""

    def __init__(self, attack: Attack, memory: bool) -> None:
        self._attack = attack
        self._known: dict[str, np.ndarray] | None = {} if memory else None

    def __call__(self, texts: list[str], ids: np.ndarray) -> list[np.ndarray]:
        """The texts' embeddings, a vector each."""
        if self._known is None:
            return list(self._attack.embed(texts, ids))
        new = {text: i for i, text in enumerate(texts) if text not in self._known}
        if new:
            unknown = sorted(new)
            vectors = self._attack.embed(unknown, ids[[new[text] for text in unknown]])
            self._known.update(zip(unknown, vectors, strict=True))
        return [self._known[text] for text in texts]


def _round(
    attack: Attack,
    read: Any,
    embedded: _Embedded,
    searches: Sequence[Elitist | Paper],
    targets: np.ndarray,
) -> None:
    """One round of all texts that go on, their hypotheses corrected and embedded together."""
    active = [search for search in searches if not search.stopped]
    for search in searches:
        if search.stopped:
            search.rest()
    if not active:
        return
    parents = [search.take() for search in active]
    corrected, likelihoods = attack.correct(
        read,
        np.array([s.row for s, group in zip(active, parents, strict=True) for _ in group]),
        np.stack([parent.vector for group in parents for parent in group]),
        np.stack([parent.ids for group in parents for parent in group]),
        active[0].effort.beam,
    )
    ends = np.cumsum([len(group) for group in parents])[:-1]
    groups = [group.reshape(-1, group.shape[-1]) for group in np.split(corrected, ends)]
    scores = [group.ravel() for group in np.split(likelihoods, ends)]
    texts = [attack.decode(group.tolist()) for group in groups]
    wanted = [search.wanted(group) for search, group in zip(active, texts, strict=True)]
    chosen_texts = [group[i] for group, chosen in zip(texts, wanted, strict=True) for i in chosen]
    chosen_ids, chosen_scores = (
        np.concatenate([g[chosen] for g, chosen in zip(parts, wanted, strict=True)])
        for parts in (groups, scores)
    )
    rows = np.repeat([search.row for search in active], [len(chosen) for chosen in wanted])
    vectors = embedded(chosen_texts, chosen_ids)
    found = iter(_hypotheses(chosen_texts, chosen_ids, vectors, targets[rows], chosen_scores))
    for search, chosen in zip(active, wanted, strict=True):
        search.add([next(found) for _ in chosen])


def _hypotheses(
    texts: list[str],
    ids: np.ndarray,
    vectors: list[np.ndarray],
    targets: np.ndarray,
    likelihoods: np.ndarray,
) -> list[Hypothesis]:
    """Of texts with ids (m, length), vectors (dim,) each, targets (m, dim), likelihoods (m,)."""
    if not texts:
        return []
    found = np.stack(vectors)
    # Of unit vectors the squared distance is twice what the cosine lacks to 1.
    distance = ((found - targets) ** 2).sum(1)
    recovered = distance <= 2 * RECOVERED * (targets**2).sum(1)
    cosine = cosines(found, targets).tolist()
    columns = texts, ids, vectors, cosine, recovered.tolist(), likelihoods.tolist()
    return list(map(Hypothesis, *columns))
