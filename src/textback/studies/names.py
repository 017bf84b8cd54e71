"""Finding a cell by what a person calls it.

Its path below `results/cells/`, its row of a table, or words of its path that fit no other cell:
`len8 pca64`.
"""

import re
from collections.abc import Sequence

import pandas as pd
from rapidfuzz.distance import Levenshtein

from textback.errors import TextbackError, unknown_name

CELL = ["corpus", "embedder", "length", "reduction", "dim", "inverter", "seed"]
LISTED = 4  # cells named in an error


def path_name(cell: pd.Series) -> str:
    """A cell's name as its path below `results/cells/` is."""
    reduction = cell["reduction"] + ("" if cell["reduction"] == "native" else str(cell["dim"]))
    return (
        f"{cell['corpus']}/{cell['embedder']}/len{cell['length']}/{reduction}"
        f"/{cell['inverter']}/seed{cell['seed']}"
    )


def row_name(cell: pd.Series) -> str:
    """A cell's name as a row of a table has it."""
    return ",".join(str(cell[column]) for column in CELL)


def find_cell(given: Sequence[str], cells: pd.DataFrame) -> pd.Series:
    """The cell that these words name, of a table with the columns CELL; of its seeds the lowest.

    Raises TextbackError, one line, where they name none or several; it says the nearest one.
    """
    text = " ".join(given).strip().removeprefix("results/cells/")
    cells = cells.sort_values(CELL).assign(
        path=lambda table: table.apply(path_name, axis=1),
        row=lambda table: table.apply(row_name, axis=1),
    )
    in_row = cells[[f",{row}," in f",{text}," for row in cells["row"]]]
    if len(in_row):
        return in_row.iloc[0]
    if "," in text:
        raise _unknown(text, cells["row"])
    words = re.sub(r"(seed\d+)/.*", r"\1", text).replace("/", " ").split()
    if "/" not in text:
        _check_words(words, {part for path in cells["path"] for part in path.split("/")})
    found = cells[[set(words) <= set(path.split("/")) for path in cells["path"]]]
    if found.empty:
        raise _unknown(text, cells["path"])
    others = found.drop_duplicates([column for column in CELL if column != "seed"])
    if len(others) > 1:
        listed = ", ".join(others["path"].head(LISTED))
        more = f" and {len(others) - LISTED} more" if len(others) > LISTED else ""
        fit = f"fit '{text}'" if text else "are there"
        raise TextbackError(f"{len(others)} cells {fit}: say more of one, e.g. of {listed}{more}")
    return found.iloc[0]


def find_ready(
    given: Sequence[str], cells: pd.DataFrame, ready: Sequence[bool], otherwise: str
) -> pd.Series:
    """As `find_cell`, among the cells that are ready; otherwise: what to say of another one."""
    try:
        return find_cell(given, cells[ready].drop_duplicates())
    except TextbackError as error:
        try:
            other = find_cell(given, cells.drop_duplicates())
        except TextbackError:
            raise error from None
    raise TextbackError(
        f"cell {path_name(other)}: {otherwise}: `textback status` says which cells are finished"
    )


def _check_words(words: Sequence[str], known: set[str]) -> None:
    for word in words:
        if word not in known:
            raise unknown_name("part of a cell's name", word, known)


def _unknown(text: str, names: pd.Series) -> TextbackError:
    """The nearest cell of perhaps hundreds, which are not listed."""
    nearest = max(names, key=lambda name: Levenshtein.normalized_similarity(text, name))
    return TextbackError(f"unknown cell '{text}': did you mean '{nearest}'?")
