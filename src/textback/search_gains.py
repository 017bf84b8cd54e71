"""Paired differences between the searches of a cell, from the resamples that its scores keep.

Parts of a study may invert the same cell by different searches. All are measured on the same texts
and the same draws of them (see `textback.bootstrap`), so that the difference of two resamples is a
resample of the paired difference.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from textback.bootstrap import LEVEL
from textback.cells import Cell
from textback.config import RECALLS
from textback.files import read_json
from textback.pooling import read_resamples, resamples_path
from textback.sharing.places import imported
from textback.table import COMPARISON_COLUMNS, SCHEMA, PartCell, score_path

METRICS = ("cosine", "bleu", "exact_match", *RECALLS)
SETTING = ["target_corpus", "target_length", "perturbation", "beam", "round", "metric", "n"]


def search_gains(study: str, cells: Iterable[PartCell]) -> pd.DataFrame:
    """Rows of comparisons.csv: what a search has more than one of an earlier part.

    Compared are last rounds of equal number, of the same cell, target, perturbation and beam;
    scores that were imported have no resamples, and are not.
    """
    named: dict[Cell, list[str]] = {}
    for part, _, cell in cells:
        if not imported(score_path(study, part, cell)):
            named.setdefault(cell, []).append(part)
    rows = [row for cell, names in named.items() for row in _of_cell(study, cell, names)]
    return pd.DataFrame(rows, columns=COMPARISON_COLUMNS)


def _of_cell(study: str, cell: Cell, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    if len(names) < 2:
        return
    ended = pd.concat([_ended(study, name, cell) for name in names], ignore_index=True)
    ended = ended.drop_duplicates([*SETTING, "search"])
    for _, alike in ended.groupby(SETTING, sort=False):
        for before, after in combinations(alike.to_dict("records"), 2):
            yield after | {"against": f"search {before['search']}"} | _difference(after, before)


def _ended(study: str, name: str, cell: Cell) -> pd.DataFrame:
    """What a part measured of the last round of each of its searches, and the resamples."""
    path = score_path(study, name, cell)
    scores = read_json(path)
    found = pd.DataFrame(scores["rows"]).assign(
        resampled=list(read_resamples(resamples_path(path)))
    )
    found = found[(found["baseline"] == "") & (found["search"] != "")]
    found = found[found["metric"].isin(METRICS)]
    inversion = ["target_corpus", "target_length", "search", "perturbation", "beam"]
    last = found.groupby(inversion)["round"].transform("max")
    return found[found["round"] == last].assign(
        schema=SCHEMA, study=study, part=name, **scores["cell"]
    )


def _difference(after: dict[str, Any], before: dict[str, Any]) -> dict[str, float]:
    """The difference and its 95% interval; of unequal numbers of resamples the fewest count."""
    number = min(len(after["resampled"]), len(before["resampled"]))
    resampled = after["resampled"][:number] - before["resampled"][:number]
    low, high = np.percentile(resampled, LEVEL)
    return {"value": after["value"] - before["value"], "low": float(low), "high": float(high)}
