"""Rounds of correction: guess, embed the guess, compare, correct, and keep the best.

After Morris et al. 2023, section 3.2, with three changes. The best hypothesis ever seen is kept
(elitism), so the cosine never falls. No hypothesis is corrected twice: each round takes the `beam`
best ones not yet corrected, whichever round they come from. A text stops when it is recovered or
has not gained for `patience` rounds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

RECOVERED = 1e-5  # cosine this close to 1 is the same embedding: 16-bit storage costs 1e-7


@dataclass(frozen=True)
class Attack:
    """What the search needs of an inverter and an embedder, for passages of one length.

    guess: e (n, dim) → ids (n, length), the hypothesizer
    correct: e (n, dim), ê (n, dim), x̂ (n, length), width → ids (n, width, length), the corrector
    decode: ids → texts
    embed: texts → embeddings (n, dim), reduced as e is, unit norm
    """

    guess: Callable[[np.ndarray], np.ndarray]
    correct: Callable[[np.ndarray, np.ndarray, np.ndarray, int], np.ndarray]
    decode: Callable[[Sequence[Sequence[int]]], list[str]]
    embed: Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True)
class Hypothesis:
    """A guessed text, its tokens (length,), its embedding (dim,) and its cosine to the target."""

    text: str
    ids: np.ndarray
    vector: np.ndarray
    cosine: float


@dataclass(frozen=True)
class Round:
    """One text after one round: the best hypothesis so far, and the best of the round's new ones.

    `candidate` is None where the round brought nothing new, or the text had stopped.
    queries: distinct texts embedded for this text so far.
    """

    best: Hypothesis
    candidate: Hypothesis | None
    queries: int


@dataclass
class _Progress:
    """The search for one text."""

    target: np.ndarray
    best: Hypothesis
    waiting: list[Hypothesis]  # not yet corrected, best first
    seen: set[str]
    idle: int = 0  # rounds without gain
    history: list[Round] = field(default_factory=list)

    def stopped(self, patience: int) -> bool:
        recovered = self.best.cosine >= 1 - RECOVERED
        return recovered or self.idle >= patience or not self.waiting

    def take(self, beam: int) -> list[Hypothesis]:
        parents, self.waiting = self.waiting[:beam], self.waiting[beam:]
        return parents

    def add(self, new: list[Hypothesis]) -> None:
        """End a round that brought these hypotheses."""
        new.sort(key=lambda h: (-h.cosine, h.text))
        self.waiting = sorted(self.waiting + new, key=lambda h: (-h.cosine, h.text))
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


def invert(
    attack: Attack,
    targets: np.ndarray,
    beam: int,
    rounds: int,
    patience: int,
    on_round: Callable[[int, list[Round]], None] = lambda number, state: None,
) -> list[list[Round]]:
    """Invert embeddings, (n, dim) unit norm, in `rounds` rounds of correction.

    Each round corrects up to `beam` hypotheses of a text, `beam` ways each. `on_round` is called
    after round 0, the hypothesizer's greedy guess, and after each round.

    Returns the rounds 0 … `rounds` of each text.
    """
    memo: dict[str, np.ndarray] = {}
    first = attack.guess(targets)
    guesses = _embedded(attack, memo, [ids[None] for ids in first], targets, [set()] * len(targets))
    searches = [
        _Progress(target, new[0], new, {new[0].text})
        for target, new in zip(targets, guesses, strict=True)
    ]
    for search in searches:
        search.history.append(Round(search.best, search.best, 1))
    on_round(0, [search.history[-1] for search in searches])
    for number in range(1, rounds + 1):
        _round(attack, memo, searches, beam, patience)
        on_round(number, [search.history[-1] for search in searches])
    return [search.history for search in searches]


def _round(
    attack: Attack,
    memo: dict[str, np.ndarray],
    searches: list[_Progress],
    beam: int,
    patience: int,
) -> None:
    active = [search for search in searches if not search.stopped(patience)]
    for search in searches:
        if search.stopped(patience):
            search.rest()
    if not active:
        return
    parents = [search.take(beam) for search in active]
    corrected = attack.correct(
        np.stack([s.target for s, group in zip(active, parents, strict=True) for _ in group]),
        np.stack([parent.vector for group in parents for parent in group]),
        np.stack([parent.ids for group in parents for parent in group]),
        beam,
    )
    ends = np.cumsum([len(group) for group in parents])[:-1]
    candidates = [group.reshape(-1, group.shape[-1]) for group in np.split(corrected, ends)]
    targets = np.stack([search.target for search in active])
    seen = [search.seen for search in active]
    for search, new in zip(active, _embedded(attack, memo, candidates, targets, seen), strict=True):
        search.add(new)


def _embedded(
    attack: Attack,
    memo: dict[str, np.ndarray],
    candidates: list[np.ndarray],
    targets: np.ndarray,
    seen: list[set[str]],
) -> list[list[Hypothesis]]:
    """The new hypotheses of each text, each distinct text embedded once over the whole search.

    candidates: token ids, (any number, length), a group a text; targets: (n, dim)
    """
    fresh: list[dict[str, np.ndarray]] = []
    for group, known in zip(candidates, seen, strict=True):
        texts = attack.decode(group.tolist())
        fresh.append({t: ids for t, ids in zip(texts, group, strict=True) if t not in known})
    unknown = sorted({text for group in fresh for text in group} - memo.keys())
    if unknown:
        memo.update(zip(unknown, attack.embed(unknown), strict=True))
    return [
        [
            Hypothesis(text, ids, memo[text], float(memo[text] @ target))
            for text, ids in group.items()
        ]
        for group, target in zip(fresh, targets, strict=True)
    ]
