"""The rounds of many texts together: what they decode and embed goes through in batches."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from textback.inverter.search.attack import Attack
from textback.inverter.search.comparison import Comparison, Embedded, Screen
from textback.inverter.search.elitist import Elitist
from textback.inverter.search.paper import Paper
from textback.inverter.search.proposals import proposals
from textback.inverter.search.states import Candidates, Effort, Hypothesis, Round, Trial

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
    if effort.mode == "paper":
        attack = replace(attack, expect=None)
    compare = _comparison(attack, effort, targets)
    kind = SEARCHES[effort.mode]
    guessed = _guessed(attack, compare, targets)
    searches = [kind.begin(row, effort, hypothesis) for row, hypothesis in enumerate(guessed)]
    on_round(0, [search.history[-1] for search in searches])
    read = attack.read(targets) if effort.rounds else None
    for number in range(1, effort.rounds + 1):
        _round(attack, read, compare, searches)
        on_round(number, [search.history[-1] for search in searches])
    return [search.history for search in searches]


def _comparison(attack: Attack, effort: Effort, targets: np.ndarray) -> Comparison:
    """As a search of this effort needs it."""
    screens = attack.screen is not None and effort.exact < effort.tried
    screen = Screen(attack.screen, effort.exact) if screens else None
    embedded = Embedded(attack.embed, memory=effort.mode != "paper")
    return Comparison(embedded, screen, targets)


def _guessed(attack: Attack, compare: Comparison, targets: np.ndarray) -> list[Hypothesis]:
    """The hypothesis of round 0 of each target."""
    ids = attack.guess(targets)
    trial = Trial(Candidates(ids, np.zeros(len(ids), np.float32)), attack.decode(ids.tolist()))
    return compare.exact(np.arange(len(ids)), trial)


def _round(
    attack: Attack, read: Any, compare: Comparison, searches: Sequence[Elitist | Paper]
) -> None:
    """One round of all texts that go on, their hypotheses corrected and embedded together."""
    active = []
    for search in searches:
        if search.stopped:
            search.rest()
        else:
            active.append(search)
    if not active:
        return
    kinds, promises = proposals(attack, read, active)
    chosen = [search.choose(*each) for search, *each in zip(active, kinds, promises, strict=True)]
    trials = _trials(attack, active, chosen)
    found = compare([search.row for search in active], trials)
    for search, (new, seen) in zip(active, found, strict=True):
        search.add(new, seen)


def _trials(
    attack: Attack, active: Sequence[Elitist | Paper], chosen: Sequence[Candidates]
) -> list[Trial]:
    """What is worth trying of the candidates that each text's search has chosen."""
    texts = iter(attack.decode(Candidates.joined(chosen).ids.tolist()))
    read = [list(itertools.islice(texts, len(candidates))) for candidates in chosen]
    return [search.trial(*each) for search, *each in zip(active, chosen, read, strict=True)]
