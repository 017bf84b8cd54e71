"""Drawing every figure that a folder of tables allows, and saying why others are left out."""

from pathlib import Path

from textback.config import FIGURES
from textback.errors import TextbackError
from textback.figures import Tables, draw, read_tables
from textback.figures.select import undisturbed

COMBINED = ("use_corpora", "use_embedders", "use_inverters")
COLUMNS = {
    **{"use_corpora": "corpus", "use_embedders": "embedder", "use_inverters": "inverter"},
    **{"lengths": "length", "dimensions": "dim", "reductions": "reduction"},
}


def redraw(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Draw figures into `figures/` of a study's folder: which were drawn, and why others not.

    Raises TextbackError where there is no table.csv, or where none can be drawn.
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
    free = {*shown.compares, *shown.leads}
    several = {COLUMNS[a]: table[COLUMNS[a]].nunique() for a in COMBINED if a not in free}
    if not shown.whole:
        several["search"] = table.loc[table["search"] != "", "search"].nunique()
    for column, number in several.items():
        if number > 1:
            raise TextbackError(f"it shows one {column}, the table has {number}")
