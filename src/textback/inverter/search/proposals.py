"""What a round could try of each text, written and edited, all texts together."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from textback.inverter.search.attack import Attack
from textback.inverter.search.elitist import Elitist
from textback.inverter.search.paper import Paper
from textback.inverter.search.states import Candidates
from textback.inverter.search.weighing import Kinds, Promises, known, weighed


def proposals(
    attack: Attack, read: Any, active: Sequence[Elitist | Paper]
) -> tuple[Kinds, Promises]:
    """The candidates of each text, by kind, and what each of them promises, (m,) a kind.

    read: what `attack.read` has given
    """
    made = _made(attack, read, active)
    gathered = [search.gather(each) for search, each in zip(active, made, strict=True)]
    kinds, promises = weighed(attack, read, active, gathered)
    if attack.edit is None or attack.imagine is None or not active[0].effort.foreseen:
        return kinds, promises
    chosen = [search.foresee(*each) for search, *each in zip(active, kinds, promises, strict=True)]
    found = _foreseen(attack, read, active, chosen)
    further = [search.further(*each) for search, *each in zip(active, gathered, found, strict=True)]
    edits, worth = weighed(attack, read, active, [[new] for new in further])
    for own, promise, (new,), (also,) in zip(kinds, promises, edits, worth, strict=True):
        own[-1] = Candidates.joined([own[-1], new])
        promise[-1] = np.concatenate([promise[-1], also])
    return kinds, promises


def _made(
    attack: Attack, read: Any, active: Sequence[Elitist | Paper]
) -> list[tuple[Candidates, ...]]:
    """What is made of each text's hypotheses, all texts together: written, and edited."""
    effort = active[0].effort
    pairs = [(number, parent) for number, search in enumerate(active) for parent in search.take()]
    edits = attack.edit is not None and effort.edited > 0
    if not pairs:
        nothing = Candidates.none(active[0].history[0].best)
        return [(nothing,) * (1 + edits) for _ in active]
    numbers, parents = zip(*pairs, strict=True)
    rows = np.array([active[number].row for number in numbers])
    vectors, ids = (np.stack([getattr(p, name) for p in parents]) for name in ("vector", "ids"))
    given = read, rows, vectors, ids
    made = [map(Candidates, *attack.correct(*given, effort.width))]
    if edits:
        made.append(map(Candidates.unjudged, attack.edit(*given, effort.edited)))
    kinds = (_by_text(numbers, kind, active) for kind in made)
    return list(zip(*kinds, strict=True))


def _by_text(
    numbers: Sequence[int], made: Iterable[Candidates], active: Sequence[Elitist | Paper]
) -> list[Candidates]:
    """Candidates of each hypothesis, by the number of its text → those of each text."""
    found = [[Candidates.none(search.history[0].best)] for search in active]
    for number, candidates in zip(numbers, made, strict=True):
        found[number].append(candidates)
    return [Candidates.joined(parts) for parts in found]


def _foreseen(
    attack: Attack, read: Any, active: Sequence[Elitist | Paper], chosen: Sequence[Candidates]
) -> list[Candidates]:
    """Edits of each text's chosen candidates, before these are embedded."""
    texts = [each.ids for each in chosen]
    if not any(map(len, texts)):
        return list(chosen)
    numbers = np.repeat(np.arange(len(active)), list(map(len, texts)))
    rows, seen, vectors = known(active)
    imagined = np.concatenate(attack.imagine(seen, vectors, texts))
    given = read, rows[numbers], imagined, np.concatenate(texts)
    made = attack.edit(*given, active[0].effort.foreseen_edits)
    return _by_text(numbers.tolist(), map(Candidates.unjudged, made), active)
