"""Picking from a study's tables what a figure shows."""

from collections.abc import Sequence

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


def varied(table: pd.DataFrame, column: str, within: Sequence[str]) -> list[pd.DataFrame]:
    """The rows of each setting, the same in the columns `within`, where `column` has two values.

    So a figure finds what it compares in a study of many parts.
    """
    groups = (rows for _, rows in table.groupby(list(within), sort=False, dropna=False))
    return [rows for rows in groups if rows[column].nunique() > 1]


def level(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """The rows of the search, beam and round that most values of `column` were measured with.

    Of several such ones the last round of the widest beam: where parts of a study ran different
    rounds, their values are compared after the same effort.
    """
    effort = ["round", "beam", "search"]
    counts = table.groupby(effort)[column].nunique()
    round_, beam, search = max(counts[counts == counts.max()].index)
    return table.query("round == @round_ and beam == @beam and search == @search")


def of_own_texts(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of texts like those the cell was trained on."""
    same = table["target_length"] == table["length"]
    return table[same & (table["target_corpus"] == table["corpus"])]
