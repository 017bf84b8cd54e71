"""Picking from a study's tables what a figure shows."""

import pandas as pd


def pool_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """One row for all seeds: the mean value, and an interval that covers every seed's."""
    measures = {"value": "mean", "low": "min", "high": "max", "n": "sum"}
    keys = [column for column in table.columns if column not in (*measures, "seed")]
    return table.groupby(keys, sort=False, as_index=False).agg(measures)


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


def embedding_sizes(table: pd.DataFrame) -> list[tuple[str, int]]:
    """(reduction, dimension) pairs, small to large."""
    pairs = table[["reduction", "dim"]].drop_duplicates().sort_values(["dim", "reduction"])
    return [(str(reduction), int(dim)) for reduction, dim in pairs.itertuples(index=False)]
