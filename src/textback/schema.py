"""Tables of a study, read back: only of the version that this textback writes.

A table without the column `schema` is of version 1.
"""

from pathlib import Path

import pandas as pd

from textback.errors import TextbackError
from textback.files import read_csv
from textback.table import SCHEMA


def read_measured(path: Path) -> pd.DataFrame:
    """Read table.csv or comparisons.csv.

    Raises TextbackError, one line, where the file is missing, or not of this version alone.
    """
    table = read_csv(path)
    found = {"1"} if "schema" not in table else set(table["schema"].astype(str))
    if found - {str(SCHEMA)}:
        versions = " and ".join(sorted(version or "none" for version in found))
        raise TextbackError(
            f"{path}: is of schema {versions}, but this textback reads schema {SCHEMA} alone: run "
            "its study again, which gathers its tables anew, or read it with the textback that "
            "wrote it"
        )
    return table
