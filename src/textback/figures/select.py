"""Picking from a study's tables what a figure shows."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from textback.counted import counted

CELL = ("corpus", "embedder", "length", "reduction", "dim", "inverter")


def once(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table without those that another part of the study has, too."""
    same = [column for column in table.columns if column != "part"]
    return table.drop_duplicates(same)


def measured_once(table: pd.DataFrame) -> pd.DataFrame:
    """Each measurement once: the first part's, where others inverted more or fewer of the texts."""
    values = ("part", "value", "low", "high", "n", "seeds")
    return table.drop_duplicates([column for column in table.columns if column not in values])


def cover_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """One row for all seeds: the mean value, and an interval that covers every seed's."""
    measures = {"value": "mean", "low": "min", "high": "max", "n": "sum"}
    keys = [column for column in table.columns if column not in (*measures, "seed")]
    return table.groupby(keys, sort=False, as_index=False).agg(measures)


def undisturbed(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a cell's own test passages and their embeddings as they are."""
    own = of_own_texts(table)
    return own[own["perturbation"] == "none"]


def of_inverter(table: pd.DataFrame) -> pd.DataFrame:
    """The measurements of the inverter itself, not of a baseline."""
    return table[table["baseline"] == ""]


def final(table: pd.DataFrame) -> pd.DataFrame:
    """The last round of the widest beam that most cells have: the best their search offers.

    Where parts of a study took different efforts, cells are compared after one they share.
    """
    if table.empty:
        return table
    cell = [column for column in CELL if column in table]
    counts = table.drop_duplicates([*cell, "round", "beam"]).groupby(["round", "beam"]).size()
    last, widest = max(counts[counts == counts.max()].index)
    return table[(table["round"] == last) & (table["beam"] == widest)]


def effort(frames: Iterable[pd.DataFrame]) -> str:
    """After which rounds of which beams rows were measured, in words; of no rows nothing."""
    pairs = {pair for frame in frames for pair in zip(frame["round"], frame["beam"], strict=True)}
    return " or ".join(f"round {last}, beam {beam}" for last, beam in sorted(pairs))


def effort_of_all(table: pd.DataFrame) -> str:
    """After which round and beam `final` compares the texts of all cells together."""
    return effort([final(table[table["metric"] == "exact_match"])])


def effort_of_each(table: pd.DataFrame) -> str:
    """The same of what the inverter wrote, each embedder's cells by themselves."""
    texts = of_inverter(table[table["metric"] == "exact_match"])
    return effort(final(rows) for _, rows in texts.groupby("embedder"))


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


def of_size(table: pd.DataFrame, size: tuple[str, int]) -> pd.DataFrame:
    """The rows of one (reduction, dimension)."""
    reduction, dim = size
    return table[(table["reduction"] == reduction) & (table["dim"] == dim)]


def combinations(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The undisturbed rows of the first part that has any, by corpus, embedder, inverter, length.

    Each under a name that tells it from the others, e.g. `8 tokens` or `minilm, 8 tokens`.
    """
    table = undisturbed(table)
    table = table[table["part"].isin(table["part"].head(1))]
    several = [key for key in ("corpus", "embedder", "inverter") if table[key].nunique() > 1]
    return {
        ", ".join([*map(str, names), counted(length, "token")]): rows
        for (*names, length), rows in table.groupby([*several, "length"], sort=True)
    }


def varied(table: pd.DataFrame, column: str, within: Sequence[str]) -> list[pd.DataFrame]:
    """The rows of each setting, the same in the columns `within`, where `column` has two values.

    So a figure finds what it compares in a study of many parts.
    """
    groups = (rows for _, rows in table.groupby(list(within), sort=False, dropna=False))
    return [rows for rows in groups if rows[column].nunique() > 1]


def level(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """The rows of the search, beam and round that most values of `column` were measured with.

    Of several such ones the last round of the widest beam, of the plainest search: where parts of a
    study ran different rounds, their values are compared after the same effort.
    """
    effort = ["round", "beam", "search"]
    counts = table.groupby(effort)[column].nunique()
    most = counts[counts == counts.max()].index
    round_, beam, search = max(most, key=lambda one: (one[0], one[1], -len(one[2])))
    return table.query("round == @round_ and beam == @beam and search == @search")


def of_own_texts(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of texts like those the cell was trained on."""
    same = table["target_length"] == table["length"]
    return table[same & (table["target_corpus"] == table["corpus"])]
