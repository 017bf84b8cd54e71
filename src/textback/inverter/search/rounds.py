"""The rounds of many texts together: what they decode and embed goes through in batches."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from textback.inverter.search.comparison import Comparison, Embed, Embedded, Screen
from textback.inverter.search.elitist import Elitist
from textback.inverter.search.paper import Paper
from textback.inverter.search.states import Candidates, Effort, Hypothesis, Round, Trial

SEARCHES: dict[str, type[Elitist] | type[Paper]] = {"elitist": Elitist, "paper": Paper}
Writer = Callable[[Any, np.ndarray, np.ndarray, np.ndarray, int], tuple[np.ndarray, np.ndarray]]
Expect = Callable[
    [Any, np.ndarray, list[np.ndarray], list[np.ndarray], list[np.ndarray]], list[np.ndarray]
]
NEARNESS = 400.0  # nats that an expected cosine of 1 is worth


@dataclass(frozen=True)
class Attack:
    """What the search needs of an inverter and an embedder, for passages of one length.

    guess: e (n, dim) → ids (n, length), the hypotheses of round 0
    decode: ids → texts
    embed: texts, and their ids (m, length) → embeddings (m, dim), reduced as e is
    read: e (n, dim) → what the inverter makes of e, once a text, for `correct` and `edit`
    correct: read, rows (m,) of it, ê (m, dim), x̂ (m, length), width → ids (m, width, length) and
        their log-likelihoods (m, width), or fewer than `width` where there are no more
    edit: as `correct`, texts one change away from x̂, `width` and as many of a surrogate
    expect: read, rows (m,) of it, and for each row the ids (n, length) and embeddings (n, dim) of
        texts that were seen, and candidates (k, length) → the cosines to e that these are expected
        to have, (k,) a row
    screen: as `embed`, faster, and near enough to say which texts are worth embedding

    Without rounds there is no need to read and to correct, without `edit` nothing is edited,
    without `expect` likelihoods alone say what is tried, and without `screen` all of it is
    embedded.
    """

    guess: Callable[[np.ndarray], np.ndarray]
    decode: Callable[[Sequence[Sequence[int]]], list[str]]
    embed: Embed
    read: Callable[[np.ndarray], Any] | None = None
    correct: Writer | None = None
    edit: Writer | None = None
    expect: Expect | None = None
    screen: Embed | None = None


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
    made = _made(attack, read, active)
    kinds = [search.gather(each) for search, each in zip(active, made, strict=True)]
    promises = _promises(attack, read, active, kinds)
    chosen = [search.choose(*each) for search, *each in zip(active, kinds, promises, strict=True)]
    trials = _trials(attack, active, chosen)
    found = compare([search.row for search in active], trials)
    for search, (new, seen) in zip(active, found, strict=True):
        search.add(new, seen)


def _promises(
    attack: Attack,
    read: Any,
    active: Sequence[Elitist | Paper],
    gathered: Sequence[list[Candidates]],
) -> list[list[np.ndarray]]:
    """Of each text's candidates, by kind, how likely they are and what their nearness is worth."""
    likely = [[kind.likelihoods for kind in kinds] for kinds in gathered]
    together = [Candidates.joined(kinds).ids for kinds in gathered]
    if attack.expect is None or not any(map(len, together)):
        return likely
    rows, seen = np.array([search.row for search in active]), [search.seen for search in active]
    ids, vectors = [each.ids for each in seen], [each.vectors for each in seen]
    cosines = attack.expect(read, rows, ids, vectors, together)
    return [
        [logp + NEARNESS * near for logp, near in zip(kinds, _by_kind(cosine, kinds), strict=True)]
        for kinds, cosine in zip(likely, cosines, strict=True)
    ]


def _by_kind(together: np.ndarray, kinds: list[np.ndarray]) -> list[np.ndarray]:
    """What there is of all kinds, (m,), by kind."""
    return np.split(together, np.cumsum([len(kind) for kind in kinds])[:-1])


def _trials(
    attack: Attack, active: Sequence[Elitist | Paper], chosen: Sequence[Candidates]
) -> list[Trial]:
    """What is worth trying of the candidates that each text's search has chosen."""
    texts = iter(attack.decode(Candidates.joined(chosen).ids.tolist()))
    read = [list(itertools.islice(texts, len(candidates))) for candidates in chosen]
    return [search.trial(*each) for search, *each in zip(active, chosen, read, strict=True)]


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
