"""The points that a law is fitted to, from a study's tables: a row a cell and seed.

length, dim, inverter, seed   the cell; an inverter stands for a training budget
bits                          of a text, by the null model: NLL(x | null)
load                          bits / dim
compute                       training FLOPs of the hypothesizer
u                             unrecovered fraction, NLL(x | e) / NLL(x | null)
low, high                     its 95% interval over texts
noise                         standard error of log u over texts, from that interval
held_out                      whether the cell is predicted, not fitted
"""

from pathlib import Path

import numpy as np
import pandas as pd

from textback.errors import TextbackError
from textback.progress import log
from textback.scaling import needed
from textback.schema import read_measured
from textback.table import CELL_COLUMNS

CELL = ["length", "dim", "inverter"]
U = ["u", "low", "high"]
SMALLEST = 1e-4  # a smaller u counts as this: its logarithm would outweigh all other points
IN_INTERVAL = 2 * 1.96  # standard errors


def read_points(folder: Path) -> pd.DataFrame:
    """A study's points, with the largest values of its axes held out; of its first embedder.

    Raises TextbackError where the tables lack what a law is fitted to, mix what a law cannot, or
    have too few cells.
    """
    table, costs = read_measured(folder / "table.csv"), read_measured(folder / "costs.csv")
    points = table[(table["metric"] == "unrecovered_fraction") & (table["baseline"] == "")]
    points = points[[*CELL_COLUMNS, "value", "low", "high"]].rename(columns={"value": "u"})
    points = _of_first_embedder(points.drop_duplicates(CELL_COLUMNS))
    _check_one_law(points)
    bits = table[table["metric"] == "null_nll_bits"].drop_duplicates(CELL_COLUMNS)
    spent = costs[(costs["step"] == "hypothesizer") & (costs["metric"] == "train_flops")]
    numbers = ["length", "dim", "seed"]  # other steps have none, so the columns are text
    spent = spent.assign(**spent[numbers].apply(pd.to_numeric))
    for name, column in (("bits", bits), ("compute", spent)):
        column = column[[*CELL_COLUMNS, "value"]].rename(columns={"value": name})
        points = points.merge(column, on=CELL_COLUMNS, how="left", validate="1:1")
    return prepared(points[[*CELL, "seed", *U, "bits", "compute"]])


def prepared(points: pd.DataFrame) -> pd.DataFrame:
    """Points with all their columns, from length, dim, inverter, seed, u, low, high, bits, compute.

    A row without a finite number is left out; u is clipped at `SMALLEST` from below. Both are said.
    Raises TextbackError where too few cells are left.
    """
    numbers = points[[*U, "bits", "compute"]].astype(float)
    whole = np.isfinite(numbers).all(axis=1) & (numbers["bits"] > 0) & (numbers["compute"] > 0)
    if not whole.all():
        log.warning("fit: %d of %d points lack a number: left out", (~whole).sum(), len(points))
    points = points[whole].sort_values([*CELL, "seed"], ignore_index=True)
    small = points["u"] < SMALLEST
    if small.any():
        log.warning("fit: u of %d points is below %g: taken as that", small.sum(), SMALLEST)
    points[U] = points[U].clip(lower=SMALLEST)
    points["load"] = points["bits"] / points["dim"]
    points["noise"] = np.log(points["high"] / points["low"]) / IN_INTERVAL
    axes = counts(points)
    points["held_out"] = False
    for axis, largest in largest_values(points).items():
        points["held_out"] |= points[axis] == largest
    number = points.drop_duplicates(CELL)["held_out"].value_counts()
    needed.check_cells(int(number.get(False, 0)), int(number.get(True, 0)), *axes)
    return points


def counts(points: pd.DataFrame) -> tuple[int, int, int]:
    """How many lengths, dimensions and inverters there are."""
    lengths, dimensions, inverters = (points[axis].nunique() for axis in CELL)
    return lengths, dimensions, inverters


def largest_values(points: pd.DataFrame) -> dict[str, int | str]:
    """The value of each axis that is held out, where one is; of inverters the one of most FLOPs."""
    budgets = np.log(points["compute"]).groupby(points["inverter"]).mean()
    largest: dict[str, int | str] = {}
    for axis in CELL:
        if needed.held_out(points[axis].nunique()):
            largest[axis] = budgets.idxmax() if axis == "inverter" else int(points[axis].max())
    return largest


def _of_first_embedder(points: pd.DataFrame) -> pd.DataFrame:
    """A law is of one embedder: the one that the study names first."""
    names = points["embedder"].unique()
    if len(names) > 1:
        log.info("the law is of embedder %s, of %s", names[0], ", ".join(names))
    return points[points["embedder"].isin(names[:1])]


def _check_one_law(points: pd.DataFrame) -> None:
    if points.empty:
        raise TextbackError(
            "the law needs the metrics 'unrecovered_fraction' and 'null_nll_bits', which the "
            "study's table lacks: add them to 'metrics' and run the study again"
        )
    reduced = points[points["reduction"] != "native"]
    mixed = (("corpus", points), ("reduction", reduced))
    for axis, rows in mixed:
        names = sorted(rows[axis].unique())
        if len(names) > 1:
            raise TextbackError(
                f"a law is fitted to one {axis}, but the study has {', '.join(names)}: make a "
                "study of each"
            )
    twice = points.duplicated([*CELL, "seed"])
    if twice.any():
        dim = points.loc[twice, "dim"].iloc[0]
        raise TextbackError(
            f"the law has two cells of {dim} dimensions, one native, one reduced: leave {dim} out "
            "of 'dimensions', or 'native' out of 'reductions'"
        )
