"""The rounds of many texts together: what they decode and embed goes through in batches."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from textback.inverter.search.elitist import Elitist
from textback.inverter.search.paper import Paper
from textback.inverter.search.states import Candidates, Effort, Hypothesis, Round
from textback.vectors import cosines

SEARCHES: dict[str, type[Elitist] | type[Paper]] = {"elitist": Elitist, "paper": Paper}
Writer = Callable[[Any, np.ndarray, np.ndarray, np.ndarray, int], tuple[np.ndarray, np.ndarray]]
NEARNESS = 400.0  # nats that a predicted cosine of 1 is worth; 600 does as well
RECOVERED = 1e-5  # of a cosine to 1: the same embedding; 16-bit storage costs 1e-7


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
    predict: read, rows, ê and x̂ as for `correct`, candidates (m, width, length) → the cosines to e
        that they are expected to have, (m, width)

    Without rounds there is no need to read and to correct, without `edit` nothing is edited, and
    without `predict` likelihoods alone say what is embedded.
    """

    guess: Callable[[np.ndarray], np.ndarray]
    decode: Callable[[Sequence[Sequence[int]]], list[str]]
    embed: Callable[[Sequence[str], np.ndarray], np.ndarray]
    read: Callable[[np.ndarray], Any] | None = None
    correct: Writer | None = None
    edit: Writer | None = None
    predict: Callable[[Any, np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray] | None = (
        None
    )


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
    guessed = _hypotheses(texts, first, vectors, targets, [0.0] * len(texts))
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
    active = []
    for search in searches:
        if search.stopped:
            search.rest()
        else:
            active.append(search)
    if not active:
        return
    made = _made(attack, read, active)
    chosen = [search.choose(kinds) for search, kinds in zip(active, made, strict=True)]
    rows = np.repeat([search.row for search in active], [len(part) for part in chosen])
    found = iter(_embed(attack, embedded, Candidates.joined(chosen), targets[rows]))
    for search, part in zip(active, chosen, strict=True):
        search.add([next(found) for _ in range(len(part))])


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
    if attack.predict is not None and effort.mode != "paper":
        made = [(new, logp + NEARNESS * attack.predict(*given, new)) for new, logp in made]
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


def _embed(
    attack: Attack, embedded: _Embedded, candidates: Candidates, targets: np.ndarray
) -> list[Hypothesis]:
    """The candidates, embedded and compared with their targets, (m, dim)."""
    if not len(candidates):
        return []
    ids, likelihoods = candidates.ids, candidates.likelihoods.tolist()
    texts = attack.decode(ids.tolist())
    return _hypotheses(texts, ids, embedded(texts, ids), targets, likelihoods)


def _hypotheses(
    texts: list[str],
    ids: np.ndarray,
    vectors: list[np.ndarray],
    targets: np.ndarray,
    likelihoods: Sequence[float],
) -> list[Hypothesis]:
    """Of texts with ids (m, length), vectors (dim,) each, and targets (m, dim)."""
    found = np.stack(vectors)
    # Of unit vectors the squared distance is twice what the cosine lacks to 1.
    distance = ((found - targets) ** 2).sum(1)
    recovered = distance <= 2 * RECOVERED * (targets**2).sum(1)
    cosine = cosines(found, targets).tolist()
    columns = texts, ids, vectors, cosine, recovered.tolist(), likelihoods
    return list(map(Hypothesis, *columns))
