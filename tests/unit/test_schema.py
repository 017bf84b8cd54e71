"""A study's tables tell their version, and tables of another one are not read as if they were ours."""

import pandas as pd
import pytest

from textback.errors import TextbackError
from textback.schema import read_measured
from textback.table import COLUMNS, COMPARISON_COLUMNS, SCHEMA


def written(folder, *versions):
    """A table with a row of each version; None stands for a table that has no such column."""
    rows = pd.DataFrame({"schema": versions, "study": "s", "value": 1.0})
    if versions == (None,):
        rows = rows.drop(columns="schema")
    path = folder / "table.csv"
    rows.to_csv(path, index=False)
    return path


def test_the_version_is_the_first_column_of_both_tables():
    assert COLUMNS[0] == COMPARISON_COLUMNS[0] == "schema"


def test_a_table_of_this_version_is_read(tmp_path):
    assert read_measured(written(tmp_path, SCHEMA, SCHEMA))["schema"].tolist() == [SCHEMA] * 2


@pytest.mark.parametrize(
    ("versions", "has"),
    [
        ((None,), "schema 1,"),
        ((SCHEMA + 1,), f"schema {SCHEMA + 1},"),
        ((SCHEMA, SCHEMA + 1), f"schema {SCHEMA} and {SCHEMA + 1},"),
        ((str(SCHEMA), ""), f"schema {SCHEMA} and none,"),
    ],
)
def test_another_version_or_a_mixture_ends_in_one_line_that_says_the_way_out(
    tmp_path, versions, has
):
    path = written(tmp_path, *versions)
    with pytest.raises(TextbackError) as end:
        read_measured(path)
    said = str(end.value)
    assert "\n" not in said and said.startswith(f"{path}: is of {has}")
    assert f"reads schema {SCHEMA}" in said and "run its study again" in said
