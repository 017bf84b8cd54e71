"""Tables of a study, read back: only of the version that this textback writes.

A table without the column `schema` is of version 1.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from textback.errors import TextbackError
from textback.files import read_csv, read_table
from textback.table import SCHEMA


def read_measured(path: Path) -> pd.DataFrame:
    """Read a study's table of a .csv. Raises TextbackError as `read_csv` and `check_schema` do."""
    table = read_csv(path)
    check_schema(table, path)
    return table


def check_tables(folder: Path) -> None:
    """Raise TextbackError where any .csv of a study's folder is of another version.

    published.csv has no version: it is told by the tables it was made from.
    """
    for path in sorted(folder.glob("*.csv")):
        if path.name != "published.csv":
            check_schema(pd.read_csv(path, usecols=lambda name: name == "schema"), path)


def read_texts(
    path: Path, columns: list[str] | None = None, filters: list[tuple[str, str, Any]] | None = None
) -> pd.DataFrame:
    """Read texts.parquet, or columns and rows of it as `read_table` does.

    Raises TextbackError as that and `check_schema` do.
    """
    first = read_table(path, filters=[("text", "==", 0), ("round", "==", 0)])
    check_schema(first, path)
    return read_table(path, columns, filters)


def check_schema(table: pd.DataFrame, path: Path) -> None:
    """Raise TextbackError, one line, where the table of a file is not of this version alone."""
    found = {"1"} if "schema" not in table else set(table["schema"].astype(str))
    if found - {str(SCHEMA)}:
        versions = " and ".join(sorted(version or "none" for version in found))
        raise TextbackError(
            f"{path}: is of schema {versions}, but this textback reads schema {SCHEMA} alone: run "
            "its study again, which gathers its tables anew, or read it with the textback that "
            "wrote it"
        )
