"""Picking from a study's tables what a figure shows."""

from collections.abc import Iterable

import numpy as np
import pandas as pd


def once(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table without those that another part of the study has, too."""
    same = [column for column in table.columns if column != "part"]
    return table.drop_duplicates(same)


def undisturbed(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a cell's own test passages and their embeddings as they are."""
    own = (table["target_corpus"] == table["corpus"]) & (table["target_length"] == table["length"])
    return table[own & (table["perturbation"] == "none")]


def of_inverter(table: pd.DataFrame) -> pd.DataFrame:
    """The measurements of the inverter itself, not of a baseline."""
    return table[table["baseline"] == ""]


def final(table: pd.DataFrame) -> pd.DataFrame:
    """The last round of the widest beam: the best the search offers."""
    return table[(table["round"] == table["round"].max()) & (table["beam"] == table["beam"].max())]


def leading(table: pd.DataFrame, *axes: str) -> tuple[pd.DataFrame, str]:
    """Of each of these axes the value that the study names first; and which, where it has others.

    Of reductions it is the first but `native`, which is kept beside it.
    """
    said = []
    for axis in axes:
        values = [value for value in table[axis].unique() if value != "native"]
        if len(values) > 1:
            table = table[table[axis].isin([values[0], "native"])]
            said.append(f"{axis} {values[0]}")
    return table, ", ".join(said)


def recovered_share(table: pd.DataFrame) -> pd.DataFrame:
    """The table with the share of bits that is recovered in place of the unrecovered one."""
    rest = table["metric"] == "unrecovered_fraction"
    table = table.copy()
    table.loc[rest, ["value", "low", "high"]] = (
        1 - table.loc[rest, ["value", "high", "low"]].to_numpy()
    )
    table.loc[rest, "metric"] = "recovered_share"
    return table


def spread(values: Iterable[int], number: int) -> list[int]:
    """At most `number` of the values, ascending: the first, the last, and even steps between."""
    values = sorted(set(values))
    at = np.linspace(0, len(values) - 1, min(number, len(values))).round().astype(int)
    return [values[i] for i in at]


def embedding_sizes(table: pd.DataFrame) -> list[tuple[str, int]]:
    """(reduction, dimension) pairs, small to large."""
    pairs = table[["reduction", "dim"]].drop_duplicates().sort_values(["dim", "reduction"])
    return [(str(reduction), int(dim)) for reduction, dim in pairs.itertuples(index=False)]
