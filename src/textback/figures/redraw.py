"""Drawing the figures of a folder of tables, and saying why some are left out."""

from pathlib import Path

import pandas as pd

from textback.config import FIGURES
from textback.errors import TextbackError
from textback.figures import Tables, draw, read_tables
from textback.figures.select import undisturbed
from textback.figures.settings import NothingToShow
from textback.files import read_json

COLUMNS = {
    **{"use_corpora": "corpus", "use_embedders": "embedder", "use_inverters": "inverter"},
    **{
        "use_retrieval_sets": "retrieval_set",
        "lengths": "length",
        "dimensions": "dim",
        "reductions": "reduction",
    },
}


def redraw(folder: Path, every: bool = False) -> tuple[list[str], dict[str, str]]:
    """Draw figures into `figures/` of a study's folder: which were drawn, and why others not.

    They are those that `asked_for` names. every: all there are. Raises TextbackError where there
    is no pooled.csv.
    """
    tables = read_tables(folder)
    drawn, left_out = [], {}
    for name in FIGURES if every else asked_for(folder):
        try:
            _check(name, folder, tables)
            draw(name, tables, folder / "figures")
            drawn.append(name)
        except NothingToShow as error:
            left_out[name] = error.reason
        except TextbackError as error:
            left_out[name] = str(error)
    return drawn, left_out


def asked_for(folder: Path) -> list[str]:
    """The figures that the study in a folder asked for; all, where it has no config.json."""
    config = folder / "config.json"
    wanted = read_json(config)["figures"] if config.exists() else FIGURES
    return [name for name in FIGURES if name in wanted]


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
