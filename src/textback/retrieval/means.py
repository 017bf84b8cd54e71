"""How well documents are found over several retrieval sets, from a study's retrieval.csv."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

METRIC = "ndcg_at_10"
EMBEDDING = ["embedder", "reduction", "dim"]
POINT = [*EMBEDDING, "perturbation"]
COLUMNS = [*POINT, "metric", "value", "low", "high", "n"]


def mean_over_sets(table: pd.DataFrame, sets: Iterable[str] | None = None) -> pd.DataFrame:
    """nDCG@10 of each embedding and perturbation, a mean over retrieval sets: COLUMNS.

    Sets that an embedding was not searched with under every one of its perturbations are left out,
    so that all its means are of the same ones. The sets' errors add as independent ones do; n
    counts their queries.

    sets: which; default: all of the table's
    """
    rows = table[table["metric"] == METRIC].drop_duplicates([*POINT, "retrieval_set"])
    if sets is not None:
        rows = rows[rows["retrieval_set"].isin(list(sets))]
    searched = rows.groupby([*EMBEDDING, "retrieval_set"])["perturbation"].transform("count")
    perturbations = rows.groupby(EMBEDDING)["perturbation"].transform("nunique")
    rows = rows[searched == perturbations]
    means = [_mean(point, of_sets) for point, of_sets in rows.groupby(POINT, sort=False)]
    return pd.DataFrame(means, columns=COLUMNS)


def _mean(point: tuple, of_sets: pd.DataFrame) -> dict[str, object]:
    value = of_sets["value"].mean()
    below, above = of_sets["value"] - of_sets["low"], of_sets["high"] - of_sets["value"]
    measured = {
        "metric": METRIC,
        "value": value,
        "low": value - _mean_error(below),
        "high": value + _mean_error(above),
        "n": of_sets["n"].sum(),
    }
    return dict(zip(POINT, point, strict=True)) | measured


def _mean_error(halves: pd.Series) -> float:
    return float(np.sqrt((halves**2).sum()) / len(halves))
