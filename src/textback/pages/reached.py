"""What every cell reached: its measurements in one pass and after correction, and its baselines.

A row a cell, search and metric, seeds pooled, of unperturbed embeddings of the cell's own texts. A
cell that several parts of a study share is there once.
"""

from collections.abc import Sequence

import pandas as pd

from textback.figures.select import undisturbed

CELL = ["corpus", "embedder", "length", "reduction", "dim", "inverter"]
KEYS = [*CELL, "search"]
MEASURES = ["value", "low", "high", "n"]
ONE_PASS, CORRECTED, NEAREST, SHUFFLED = "one pass", "corrected", "nearest passage", "shuffled"
FEW = 0.05  # share of texts recovered exactly, below which another measure tells more


def reached(table: pd.DataFrame) -> pd.DataFrame:
    """Columns KEYS, `stage`, `round`, `beam`, `metric` and MEASURES, of pooled.csv.

    stage: ONE_PASS is round 0, CORRECTED the last round of the widest beam
    """
    own = _of_searches(undisturbed(table))
    inverted, shuffled = (own[own["baseline"] == name] for name in ("", "shuffled"))
    nearest = own[own["baseline"] == "nearest"]
    stages = {
        ONE_PASS: widest(inverted[inverted["round"] == 0]),
        CORRECTED: widest(latest(inverted[inverted["round"] > 0])),
        NEAREST: nearest,
        SHUFFLED: widest(latest(shuffled)),
    }
    found = pd.concat([rows.assign(stage=stage) for stage, rows in stages.items()])
    columns = [*KEYS, "stage", "round", "beam", "metric", *MEASURES]
    return found[columns].drop_duplicates([*KEYS, "stage", "metric"])


def _of_searches(table: pd.DataFrame) -> pd.DataFrame:
    """The rows, where what is of no search (bits of one pass) is of every search of its cell."""
    of_cell = table[table["search"] == ""].drop(columns="search")
    searched = table[table["search"] != ""]
    searches = searched[KEYS].drop_duplicates()
    told = of_cell.merge(searches, on=CELL, how="left").fillna({"search": ""})
    return pd.concat([searched, told], ignore_index=True)


def latest(table: pd.DataFrame) -> pd.DataFrame:
    """Of every cell, search and metric the rows of its last round."""
    return _largest(table, "round")


def widest(table: pd.DataFrame) -> pd.DataFrame:
    """Of every cell, search and metric the rows of its widest beam."""
    return _largest(table, "beam")


def _largest(table: pd.DataFrame, column: str) -> pd.DataFrame:
    most = table.groupby([*KEYS, "metric"])[column].transform("max")
    return table[table[column] == most]


def of_stage(rows: pd.DataFrame, stage: str, metric: str) -> pd.DataFrame:
    """One measurement of every cell: indexed by KEYS, with MEASURES, `round` and `beam`."""
    found = rows[(rows["stage"] == stage) & (rows["metric"] == metric)]
    return found.set_index(KEYS)[[*MEASURES, "round", "beam"]]


def best_reached(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Of every cell what it reached after correction, or in one pass where it has no correction."""
    corrected, one_pass = (of_stage(rows, stage, metric) for stage in (CORRECTED, ONE_PASS))
    return corrected.combine_first(one_pass).reindex(one_pass.index)


def headline(rows: pd.DataFrame, metrics: Sequence[str]) -> str | None:
    """The metric that tells most of these: exact match, unless hardly a text is recovered.

    None where the table has none of them.
    """
    there = [metric for metric in metrics if len(best_reached(rows, metric))]
    exact = best_reached(rows, "exact_match")["value"]
    if "exact_match" in there and exact.max() < FEW and len(there) > 1:
        there.remove("exact_match")
    return there[0] if there else None
