"""What a grid must have for the law to be fitted and tested: known before anything is trained.

Of every axis with at least `VALUES` values the largest one is held out: the cells that have it are
predicted, never fitted. A parameter that the remaining cells cannot tell is left out, fixed at 0.
"""

from textback.counted import counted
from textback.errors import TextbackError

VALUES = 3  # so that two are left to fit an exponent to
EXTRA = 2  # cells above the number of parameters of the largest form
ALWAYS = 3  # parameters that every grid can tell: half load, floor, shape
FEW_VALUES = {
    "dimension_exponent": "it needs two lengths and two dimensions",
    "compute_exponent": "it needs two inverters, with different training budgets",
}


def held_out(values: int) -> int:
    """How many of an axis's values are held out."""
    return int(values >= VALUES)


def left_out(lengths: int, dimensions: int, budgets: int) -> dict[str, str]:
    """The parameters that such a grid cannot tell, and why."""
    told = {"dimension_exponent": min(lengths, dimensions) >= 2, "compute_exponent": budgets >= 2}
    return {name: FEW_VALUES[name] for name, enough in told.items() if not enough}


def cells_needed(lengths: int, dimensions: int, budgets: int) -> int:
    """How many cells must be left to fit, so that no form has too many parameters."""
    exponents = len(FEW_VALUES) - len(left_out(lengths, dimensions, budgets))
    return ALWAYS + exponents + EXTRA


def check_grid(lengths: int, dimensions: int, budgets: int) -> None:
    """Raise TextbackError, one line, where a full grid of so many values has too few cells."""
    axes = (lengths, dimensions, budgets)
    left = 1
    for values in axes:
        left *= values - held_out(values)
    check_cells(left, lengths * dimensions * budgets - left, *axes)


def check_cells(fitted: int, predicted: int, lengths: int, dimensions: int, budgets: int) -> None:
    """Raise TextbackError, one line, where too few cells are left to fit, or none is held out."""
    sizes = {"length": lengths, "dimension": dimensions, "inverter": budgets}
    grid = " × ".join(counted(number, axis) for axis, number in sizes.items())
    if not predicted:
        raise TextbackError(
            f"the law needs a value to hold out, but of {grid} none has {VALUES}: give one of "
            f"'lengths', 'dimensions' and 'use_inverters' {VALUES} values or more"
        )
    needed = cells_needed(lengths, dimensions, budgets)
    if fitted < needed:
        raise TextbackError(
            f"the law needs {needed} cells beside those held out, but {grid} leave {fitted}: add "
            "lengths or dimensions (seeds do not count)"
        )
