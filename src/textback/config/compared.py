"""Whether a study has what its figures show: `Shown.varies` says in words what they compare."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import product

from textback.config.parts import Part

Attack = tuple[str, str, str, int]  # the corpus, embedder, inverter and length of cells
Found = Iterator[tuple[Hashable, Hashable]]  # a setting, and a value that is compared in it


def varies(figure: str, parts: Iterable[Part]) -> bool:
    """Whether the parts of a study have two values of what a figure compares, in one setting."""
    parts = list(parts)
    if figure == "published_results":
        return any(entry.figure == "table1" for part in parts for entry in part.published)
    values = defaultdict(set)
    for part in parts:
        for attack in _attacks(part):
            for setting, value in _COMPARED[figure](part, attack):
                values[setting].add(value)
    return any(len(found) > 1 for found in values.values())


def inverts_own_texts(parts: Iterable[Part]) -> bool:
    """Whether any cell's own test passages are inverted, and not other targets alone."""
    return any(_own_texts(part, attack) for part in parts for attack in _attacks(part))


def _attacks(part: Part) -> Iterator[Attack]:
    return product(part.use_corpora, part.use_embedders, part.use_inverters, part.lengths)


def _targets(part: Part, attack: Attack) -> Iterator[tuple[str, int]]:
    corpus, _, _, length = attack
    return product(part.target_corpora or [corpus], part.target_lengths or [length])


def _own_texts(part: Part, attack: Attack) -> bool:
    corpus, _, _, length = attack
    return (corpus, length) in _targets(part, attack)


def _corrects_own_texts(part: Part, attack: Attack) -> bool:
    return part.evaluation.rounds > 0 and _own_texts(part, attack)


def _search(part: Part) -> tuple[str, ...]:
    return part.evaluation.mode, part.evaluation.rank, part.evaluation.parents


def _inverters(part: Part, attack: Attack) -> Found:
    corpus, embedder, inverter, length = attack
    if _corrects_own_texts(part, attack) and part.evaluation.start == "hypothesizer":
        yield (corpus, embedder, length, _search(part)), inverter


def _starts(part: Part, attack: Attack) -> Found:
    if _corrects_own_texts(part, attack):
        yield (attack, _search(part)), part.evaluation.start


def _searches(part: Part, attack: Attack) -> Found:
    if _own_texts(part, attack) and part.evaluation.start == "hypothesizer":
        yield attack, _search(part)


def _corpora(part: Part, attack: Attack) -> Found:
    own, _, _, trained = attack
    if part.evaluation.rounds > 0:
        for corpus, length in _targets(part, attack):
            if corpus != own or length == trained:
                yield attack, corpus


def _lengths(part: Part, attack: Attack) -> Found:
    if part.evaluation.rounds > 0:
        for corpus, length in _targets(part, attack):
            if corpus == attack[0]:
                yield attack, length


def _noise(part: Part, attack: Attack) -> Found:
    if _corrects_own_texts(part, attack):
        for name in part.perturbations:
            if name == "none" or name.startswith("gaussian"):
                yield attack, name


def _perturbations(part: Part, attack: Attack) -> Found:
    if _own_texts(part, attack):
        for name in part.perturbations:
            yield attack, name


_COMPARED: dict[str, Callable[[Part, Attack], Found]] = {
    "rounds_by_inverter": _inverters,
    "starts": _starts,
    "beam_grid": _searches,
    "out_of_domain": _corpora,
    "length_mismatch": _lengths,
    "noise_levels": _noise,
    "leakage_perturbation": _perturbations,
}
