"""What candidates promise: how likely they are, and how near they are expected to be.

The hypothesizer judges an edit in as long as it would take to write it. So first the surrogate is
asked how near it is, and the half that it expects to be far is dropped.
"""

import math
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from textback.inverter.search.attack import Attack
from textback.inverter.search.elitist import Elitist
from textback.inverter.search.paper import Paper
from textback.inverter.search.states import Candidates

NEARNESS = 400.0  # nats that an expected cosine of 1 is worth
JUDGED = 0.5  # of a text's new edits, those that are expected to be nearest: the others are dropped
# Of each text by kind: what is written comes first, then what is edited.
Kinds = list[list[Candidates]]
Promises = list[list[np.ndarray]]
Rows = TypeVar("Rows", Candidates, np.ndarray)


def weighed(
    attack: Attack, read: Any, active: Sequence[Elitist | Paper], kinds: Kinds
) -> tuple[Kinds, Promises]:
    """Each text's candidates, by kind, all judged, and what they promise.

    How likely they are, and what their expected nearness is worth. Of those that were not judged
    yet some are dropped.
    """
    together = [Candidates.joined(each).ids for each in kinds]
    if attack.expect is None or not any(map(len, together)):
        kinds = _judged(attack, read, active, kinds)
        return kinds, [[kind.likelihoods for kind in each] for each in kinds]
    cosines = attack.expect(read, *known(active), together)
    near = [_by_kind(*each) for each in zip(cosines, kinds, strict=True)]
    kept = [list(map(_worth_judging, *each)) for each in zip(kinds, near, strict=True)]
    kinds = _judged(attack, read, active, _taken(kinds, kept))
    near = _taken(near, kept)
    return kinds, [
        [kind.likelihoods + NEARNESS * cosines for kind, cosines in zip(*each, strict=True)]
        for each in zip(kinds, near, strict=True)
    ]


def _worth_judging(kind: Candidates, near: np.ndarray) -> np.ndarray:
    """The rows of what was judged, and of the rest those that are expected to be nearest."""
    order = kind.new[np.argsort(-near[kind.new], kind="stable")]
    return np.delete(np.arange(len(kind)), order[math.ceil(JUDGED * len(order)) :])


def _taken(kinds: list[list[Rows]], rows: list[list[np.ndarray]]) -> list[list[Rows]]:
    """Some rows, (k,), of what there is of each text and kind."""
    return [
        [kind.take(chosen) for kind, chosen in zip(*each, strict=True)]
        for each in zip(kinds, rows, strict=True)
    ]


def _judged(attack: Attack, read: Any, active: Sequence[Elitist | Paper], kinds: Kinds) -> Kinds:
    """The candidates, all texts' that were not judged yet judged together."""
    new = [[kind.take(kind.new) for kind in each] for each in kinds]
    ids = [Candidates.joined(each).ids for each in new]
    if not any(map(len, ids)):
        return kinds
    rows = np.repeat([search.row for search in active], list(map(len, ids)))
    likelihoods = attack.judge(read, rows, np.concatenate(ids))
    by_text = np.split(likelihoods, np.cumsum(list(map(len, ids)))[:-1])
    found = [_by_kind(*each) for each in zip(by_text, new, strict=True)]
    return [
        [kind.judged(likely) for kind, likely in zip(*each, strict=True)]
        for each in zip(kinds, found, strict=True)
    ]


def _by_kind(together: np.ndarray, kinds: list[Candidates]) -> list[np.ndarray]:
    """What there is of all kinds, (m,), by kind."""
    return np.split(together, np.cumsum([len(kind) for kind in kinds])[:-1])


def known(
    active: Sequence[Elitist | Paper],
) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """The rows of texts, and ids and embeddings of what was seen of each."""
    seen = [search.seen for search in active]
    rows = np.array([search.row for search in active])
    return rows, [each.ids for each in seen], [each.vectors for each in seen]
