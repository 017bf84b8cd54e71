"""Drawing every figure that a folder of tables allows, and saying why others are left out."""

from pathlib import Path

import pandas as pd

from textback.config import FIGURES
from textback.errors import TextbackError
from textback.figures import Tables, draw, read_tables
from textback.figures.select import undisturbed

COLUMNS = {
    **{"use_corpora": "corpus", "use_embedders": "embedder", "use_inverters": "inverter"},
    **{
        "use_retrieval_sets": "retrieval_set",
        "lengths": "length",
        "dimensions": "dim",
        "reductions": "reduction",
    },
}


def redraw(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Draw figures into `figures/` of a study's folder: which were drawn, and why others not.

    Raises TextbackError where there is no pooled.csv.
    """
    tables = read_tables(folder)
    drawn, left_out = [], {}
    for name in FIGURES:
        try:
            _check(name, folder, tables)
            draw(name, tables, folder / "figures")
            drawn.append(name)
        except TextbackError as error:
            left_out[name] = str(error)
    return drawn, left_out


def _check(name: str, folder: Path, tables: Tables) -> None:
    """Raise TextbackError, in a few words, where the tables do not have what a figure shows."""
    shown, table = FIGURES[name], tables.measurements
    if not shown.whole:
        table = undisturbed(table)
    for file in shown.beside:
        if not (folder / file).exists():
            raise TextbackError(f"no {file}")
    for metric in shown.metrics:
        if metric not in set(tables.measurements["metric"]):
            raise TextbackError(f"no metric '{metric}' in the table")
    for axis in shown.sweeps:
        column = COLUMNS[axis]
        if len(set(table[column]) - {"native"}) < 2:
            raise TextbackError(f"it needs two values of '{column}', the table has one")
    if shown.of_own_texts and not (undisturbed(table)["search"] != "").any():
        raise TextbackError("no cell's own test passages are inverted")
    check_single(name, tables)


def check_single(name: str, tables: Tables) -> None:
    """Raise TextbackError, in a few words, where a figure would mix what it shows one of."""
    shown, table = FIGURES[name], tables.measurements
    if not shown.whole:
        table = undisturbed(table)
    several = {COLUMNS[axis]: _values(COLUMNS[axis], table, tables) for axis in shown.single}
    if not shown.whole:
        several["search"] = table.loc[table["search"] != "", "search"].nunique()
    for column, number in several.items():
        if number > 1:
            raise TextbackError(f"it shows one {column}, the table has {number}")


def _values(column: str, table: pd.DataFrame, tables: Tables) -> int:
    return (table if column in table else tables.retrieval)[column].nunique()
