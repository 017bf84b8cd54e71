"""Whether a study has two of what a figure compares: `Shown.varies` says it in words."""

from collections.abc import Callable, Iterable

from textback.config.parts import Part

Parts = list[Part]


def varies(figure: str, parts: Iterable[Part]) -> bool:
    """Whether the parts of a study have what a figure compares."""
    return _VARIES[figure](list(parts))


def _corrected(parts: Parts) -> Parts:
    return [part for part in parts if part.evaluation.rounds > 0]


def _reruns(parts: Parts) -> bool:
    return any(entry.figure == "table1" for part in parts for entry in part.published)


def _inverters(parts: Parts) -> bool:
    return len({name for part in _corrected(parts) for name in part.use_inverters}) > 1


def _starts(parts: Parts) -> bool:
    return len({part.evaluation.start for part in _corrected(parts)}) > 1


def _searches(parts: Parts) -> bool:
    found = (part.evaluation for part in parts)
    return len({(one.mode, one.rank, one.parents) for one in found}) > 1


def _corpora(parts: Parts) -> bool:
    return any(
        len(part.target_corpora) > 1 or bool(set(part.target_corpora) - set(part.use_corpora))
        for part in _corrected(parts)
    )


def _lengths(parts: Parts) -> bool:
    return any(
        len(part.target_lengths) > 1 or bool(set(part.target_lengths) - set(part.lengths))
        for part in _corrected(parts)
    )


def _noise(parts: Parts) -> bool:
    levels = (level for part in _corrected(parts) for level in part.perturbations)
    return any(level.startswith("gaussian") for level in levels)


def _perturbations(parts: Parts) -> bool:
    return any(len(part.perturbations) > 1 for part in parts)


_VARIES: dict[str, Callable[[Parts], bool]] = {
    "published_results": _reruns,
    "rounds_by_inverter": _inverters,
    "starts": _starts,
    "beam_grid": _searches,
    "out_of_domain": _corpora,
    "length_mismatch": _lengths,
    "noise_levels": _noise,
    "leakage_perturbation": _perturbations,
}
