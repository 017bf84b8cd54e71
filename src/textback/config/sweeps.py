"""Whether a study sweeps the axes that its figures are drawn over."""

from textback.config.figures import FIGURES
from textback.config.study import Study, used
from textback.errors import TextbackError

LEAST = 2  # values: one is a point, not a line


def check_sweeps(study: Study) -> None:
    """Raise TextbackError where a figure is asked for axes that the study does not sweep.

    The line names the figures that can be drawn, as the user may write them.
    """
    lacking = {name: axis for name in study.figures for axis in not_swept(study, name)}
    if not lacking:
        return
    figure, axis = next(iter(lacking.items()))
    rest = ",".join(name for name in study.figures if name not in lacking)
    number = swept(study, axis)
    others = f"draw the others: figures=[{rest}]" if rest else "leave the figure out"
    raise TextbackError(
        f"figure '{figure}' needs {LEAST} {WORDS.get(axis, repr(axis))} or more, and study "
        f"'{study.study}' has {number}: add to '{axis}', or {others}"
    )


def not_swept(study: Study, figure: str) -> list[str]:
    """The axes of which a figure needs more values than the study has."""
    return [axis for axis in FIGURES[figure].sweeps if swept(study, axis) < LEAST]


def swept(study: Study, axis: str) -> int:
    """How many values of an axis a figure can show.

    Of dimensions the native one is one; of reductions `native` is none to compare at equal size.
    """
    kinds = used(study, "reductions")
    reduced = [kind for kind in kinds if kind != "native"]
    if axis == "reductions":
        return len(reduced)
    if axis == "dimensions":
        return int("native" in kinds) + (len(used(study, "dimensions")) if reduced else 0)
    return len(used(study, axis))


WORDS = {
    "dimensions": "embedding sizes (native, and dimensions where 'reductions' names another kind)",
    "reductions": "reductions beside native",
}
