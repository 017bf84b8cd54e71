"""Picking from a study's tables what a figure shows."""

import pandas as pd


def of_inverter(table: pd.DataFrame) -> pd.DataFrame:
    """The measurements of the inverter itself, not of a baseline."""
    return table[table["baseline"] == ""]


def final(table: pd.DataFrame) -> pd.DataFrame:
    """The last round of the widest beam: the best the search offers."""
    return table[(table["round"] == table["round"].max()) & (table["beam"] == table["beam"].max())]


def embedding_sizes(table: pd.DataFrame) -> list[tuple[str, int]]:
    """(reduction, dimension) pairs, small to large."""
    pairs = table[["reduction", "dim"]].drop_duplicates().sort_values(["dim", "reduction"])
    return [(str(reduction), int(dim)) for reduction, dim in pairs.itertuples(index=False)]
