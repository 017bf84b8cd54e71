"""What a round could try of each text: written, edited, and judged, all texts together."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from textback.inverter.search.attack import Attack
from textback.inverter.search.elitist import Elitist
from textback.inverter.search.paper import Paper
from textback.inverter.search.states import Candidates

NEARNESS = 400.0  # nats that an expected cosine of 1 is worth
# Of each text by kind: what is written comes first, then what is edited.
Kinds = list[list[Candidates]]
Promises = list[list[np.ndarray]]


def proposals(
    attack: Attack, read: Any, active: Sequence[Elitist | Paper]
) -> tuple[Kinds, Promises]:
    """The candidates of each text, by kind, and what each of them promises, (m,) a kind.

    read: what `attack.read` has given
    """
    made = _made(attack, read, active)
    kinds = [search.gather(each) for search, each in zip(active, made, strict=True)]
    promises = _promises(attack, read, active, kinds)
    if attack.edit is None or attack.foresee is None or not active[0].effort.foreseen:
        return kinds, promises
    edits = _foreseen(attack, read, active, kinds, promises)
    further = _promises(attack, read, active, [[own] for own in edits])
    for own, promise, new, (worth,) in zip(kinds, promises, edits, further, strict=True):
        own[-1] = Candidates.joined([own[-1], new])
        promise[-1] = np.concatenate([promise[-1], worth])
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
    made = [attack.correct(*given, effort.width)]
    if edits:
        made.append(attack.edit(*given, effort.edited))
    kinds = (_by_text(numbers, map(Candidates, *kind), active) for kind in made)
    return list(zip(*kinds, strict=True))


def _by_text(
    numbers: Sequence[int], made: Iterable[Candidates], active: Sequence[Elitist | Paper]
) -> list[Candidates]:
    """Candidates of each hypothesis, by the number of its text → those of each text."""
    found = [[Candidates.none(search.history[0].best)] for search in active]
    for number, candidates in zip(numbers, made, strict=True):
        found[number].append(candidates)
    return [Candidates.joined(parts) for parts in found]


def _promises(
    attack: Attack,
    read: Any,
    active: Sequence[Elitist | Paper],
    gathered: Kinds,
) -> Promises:
    """Of each text's candidates, by kind, how likely they are and what their nearness is worth."""
    likely = [[kind.likelihoods for kind in kinds] for kinds in gathered]
    together = [Candidates.joined(kinds).ids for kinds in gathered]
    if attack.expect is None or not any(map(len, together)):
        return likely
    cosines = attack.expect(read, *_known(active), together)
    return [
        [logp + NEARNESS * near for logp, near in zip(kinds, _by_kind(cosine, kinds), strict=True)]
        for kinds, cosine in zip(likely, cosines, strict=True)
    ]


def _by_kind(together: np.ndarray, kinds: list[np.ndarray]) -> list[np.ndarray]:
    """What there is of all kinds, (m,), by kind."""
    return np.split(together, np.cumsum([len(kind) for kind in kinds])[:-1])


def _foreseen(
    attack: Attack,
    read: Any,
    active: Sequence[Elitist | Paper],
    kinds: Kinds,
    promises: Promises,
) -> list[Candidates]:
    """Edits of what promises most of each text's candidates, before they are embedded."""
    chosen = [search.foresee(*each) for search, *each in zip(active, kinds, promises, strict=True)]
    counts = [len(each) for each in chosen]
    if not any(counts):
        return chosen
    texts = [each.ids for each in chosen]
    effort = active[0].effort
    made = attack.foresee(read, *_known(active), texts, effort.foreseen_edits)
    numbers = np.repeat(np.arange(len(active)), counts).tolist()
    found = _by_text(numbers, map(Candidates, *made), active)
    return [search.untried(each) for search, each in zip(active, found, strict=True)]


def _known(
    active: Sequence[Elitist | Paper],
) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """The rows of texts, and ids and embeddings of what was seen of each."""
    seen = [search.seen for search in active]
    rows = np.array([search.row for search in active])
    return rows, [each.ids for each in seen], [each.vectors for each in seen]
