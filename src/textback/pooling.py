"""One value and one interval for all seeds of a cell: a hierarchical bootstrap, seed → text.

The texts are drawn anew as in `textback.bootstrap`, the same ones for every seed, for all seeds are
measured on the same texts and what is odd about those does not average out. The seeds are a sample
as well (Davison and Hinkley 1997, section 3.8), but so small a one that drawing three of three with
replacement makes intervals much too short (Hesterberg 2015): the mean of the drawn seeds therefore
has Student's distribution about theirs, to which the bootstrap comes with many seeds. Of two seeds
little is known, and the intervals say so.

With one seed the interval is the table's own, over texts alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from scipy.stats import norm as normal
from scipy.stats import t as student

from textback.bootstrap import LEVEL
from textback.cells import Cell
from textback.config import RECALLS
from textback.errors import TextbackError
from textback.files import read_json, replacing
from textback.metrics import Z95, Interval, wilson
from textback.scoring import Row
from textback.sharing.places import imported
from textback.table import COLUMNS, SCHEMA, PartCell, score_path

SEED = 0
RANGES = {
    "bleu": (0.0, 100.0),
    "bleu_sentence": (0.0, 100.0),
    "cosine": (-1.0, 1.0),
    "cosine_null": (-1.0, 1.0),
    **dict.fromkeys(
        ("exact_match", "token_f1", "token_f1_set", "rouge_l", "edit_similarity"), (0.0, 1.0)
    ),
    **dict.fromkeys(RECALLS, (0.0, 1.0)),
    **dict.fromkeys(("nll_bits", "null_nll_bits", "unrecovered_fraction"), (0.0, np.inf)),
}  # of the metrics that have an end
NOT_KEYS = ("part", "seed", "value", "low", "high")
IMPORTED_RESAMPLES = 1000  # where all seeds were imported; else as many as the others have

POOLED_COLUMNS = [column for column in COLUMNS if column != "seed"] + ["seeds"]


def resamples_path(scores: Path) -> Path:
    """Where a cell's resampled values lie, beside its scores."""
    return scores.with_suffix(".safetensors")


def write_resamples(path: Path, resamples: np.ndarray) -> None:
    """Write the resampled values of a cell's measurements, (rows, resamples) float32."""
    with replacing(path) as temporary:
        save_file({"resamples": resamples}, temporary)


def read_resamples(path: Path) -> np.ndarray:
    """The inverse of `write_resamples`. Raises TextbackError where it is missing or broken."""
    try:
        return load_file(path)["resamples"]
    except (OSError, KeyError, SafetensorError) as error:
        raise TextbackError(
            f"{path}: cannot be read ({error}): run the step that makes it"
        ) from None


def from_intervals(rows: Sequence[Row], number: int) -> np.ndarray:
    """Resampled values of measurements whose own were not kept, (rows, number): imported ones.

    Normal on each side of the value, as wide as its interval there; the texts, the same for all
    seeds, move all seeds together.
    """
    value, low, high = np.array([[row[key] for key in ("value", "low", "high")] for row in rows]).T
    moves = normal.ppf((np.arange(number) + 0.5) / number) / Z95
    side = np.where(moves < 0, (value - low)[:, None], (high - value)[:, None])
    return (value[:, None] + side * moves).astype(np.float32)


def pooled_table(study: str, cells: Iterable[PartCell]) -> pd.DataFrame:
    """The pooled table of a study, from its cells' scores and resamples; a point at a time."""
    points: dict[Cell, list[tuple[str, Cell]]] = {}
    for name, _, cell in cells:
        points.setdefault(replace(cell, seed=0), []).append((name, cell))
    frames = [_pooled_cells(study, scored) for scored in points.values()]
    return pd.concat(frames, ignore_index=True)[POOLED_COLUMNS]


def _pooled_cells(study: str, scored: Sequence[tuple[str, Cell]]) -> pd.DataFrame:
    """Of cells that differ in nothing but their seed, each with the part that it is scored for.

    Parts may have different numbers of resamples: the fewest count.
    """
    paths = [score_path(study, part, cell) for part, cell in scored]
    kept = {p: read_resamples(resamples_path(p)) for p in paths if not imported(p)}
    number = min((drawn.shape[1] for drawn in kept.values()), default=IMPORTED_RESAMPLES)
    rows, resamples = [], []
    for (part, _), path in zip(scored, paths, strict=True):
        scores = read_json(path)
        columns = {"schema": SCHEMA, "study": study, "part": part, **scores["cell"]}
        rows += [columns | row for row in scores["rows"]]
        own = kept[path][:, :number] if path in kept else from_intervals(scores["rows"], number)
        resamples.append(own)
    return pooled(pd.DataFrame(rows), np.concatenate(resamples))


def pooled(table: pd.DataFrame, resamples: np.ndarray) -> pd.DataFrame:
    """A row for all seeds of each measurement: the table's columns without `seed`, and `seeds`.

    A measurement that several parts of a study share is the first part's, whichever has its seeds.

    resamples: (rows, resamples), each row's value in the bootstrap resamples of its texts
    """
    keys = [column for column in table.columns if column not in NOT_KEYS]
    table = table.reset_index(drop=True).drop_duplicates([*keys, "seed"])
    rows = []
    for _, own in table.groupby(keys, sort=False, dropna=False):
        first = own.iloc[0]
        measured: Row = {}
        if len(own) > 1:
            found = pooled_interval(
                str(first["metric"]),
                own["value"].to_numpy(float),
                resamples[own.index],
                int(first["n"]),
            )
            measured = {"value": found.value, "low": found.low, "high": found.high}
        rows.append({**first.drop("seed"), **measured, "seeds": len(own)})
    return pd.DataFrame(rows)


def pooled_interval(metric: str, values: np.ndarray, resampled: np.ndarray, n: int) -> Interval:
    """The mean over seeds and its 95% interval over seeds and texts.

    values: (seeds,); resampled: (seeds, resamples), on the same draws of the n texts
    """
    value = float(values.mean())
    low, high = np.percentile(resampled.mean(0) + _moves(values, resampled.shape[1]), LEVEL)
    if metric == "exact_match":  # redrawn texts that are all right, or all wrong, never differ
        of_texts = wilson(value * n, n)
        low, high = min(low, of_texts.low), max(high, of_texts.high)
    ends = RANGES.get(metric, (-np.inf, np.inf))
    return Interval(value, *(float(end) for end in np.clip((low, high), *ends)), n)


def _moves(values: np.ndarray, number: int) -> np.ndarray:
    """How far the mean of other seeds may lie from theirs, (number,): Student's, in any order."""
    seeds = len(values)
    if seeds == 1:
        return np.zeros(number)
    error = values.std(ddof=1) / np.sqrt(seeds)
    quantiles = student.ppf((np.arange(number) + 0.5) / number, seeds - 1)
    return error * np.random.default_rng(SEED).permutation(quantiles)
