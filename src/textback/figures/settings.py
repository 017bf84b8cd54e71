"""What figures of a study of many parts share: names of cells, and what is published of them."""

import pandas as pd

from textback.errors import TextbackError

CELL = ["corpus", "embedder", "length", "reduction", "dim"]
ATTACK = [*CELL, "inverter"]


def title(rows: pd.DataFrame, *columns: str) -> str:
    """The setting of some rows: corpus, embedder and length, or other columns."""
    first = rows.iloc[0]
    words = [str(first[column]) for column in columns or ("corpus", "embedder", "length")]
    return ", ".join(words) + (" tokens" if not columns or columns[-1] == "length" else "")


def beside(pairs: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The published values whose rows of ours are of the same cell as these rows."""
    return pairs.merge(rows[CELL].drop_duplicates(), on=CELL)


def nothing(figure: str, what: str) -> TextbackError:
    """The error of a figure whose study has nothing for it to compare."""
    return TextbackError(
        f"figure '{figure}': the study's table has no cell with {what}: see config/README.md for "
        "what it compares, or leave it out of 'figures'"
    )
