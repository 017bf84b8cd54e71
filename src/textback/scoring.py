"""From traces to measurements: every metric of every round, of the inverter and its baselines."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from textback import bootstrap, metrics
from textback.metrics import TEXT_METRICS, Interval
from textback.recall import UNITS, mean_recall, recall_gain
from textback.trace import partners
from textback.word_errors import word_errors
from textback.words import Lexicon

Row = dict[str, Any]

COSINES = ("cosine", "cosine_null")


def round_measures(
    frame: pd.DataFrame, wanted: Sequence[str], drawn: np.ndarray, lexicon: Lexicon | None
) -> dict[str, Interval]:
    """The wanted metrics of one round, a row a text (see `textback.trace`).

    lexicon: the corpus's words, for recalls; those of which no text has any are absent
    """
    found: dict[str, Interval] = {}
    pairs = _pairs(frame)
    for name, measure in TEXT_METRICS.items():
        if name in wanted:
            values = np.array([measure(*pair) for pair in pairs])
            found[name] = bootstrap.mean_interval(values, drawn)
            if name == "exact_match":
                of_texts = metrics.wilson(values.sum(), len(values))
                found[name] = replace(of_texts, resampled=found[name].resampled)
    if "bleu" in wanted:
        found["bleu"] = bootstrap.bleu_interval(_statistics(frame), drawn)
    for name in COSINES:
        if name in wanted:
            found[name] = bootstrap.mean_interval(frame[name].to_numpy(), drawn)
    if lexicon is not None:
        recalls = [name for name in UNITS if name in wanted]
        means = {name: mean_recall(name, pairs, lexicon, len(drawn)) for name in recalls}
        found |= {name: mean for name, mean in means.items() if mean is not None}
    return found


def shuffled(frame: pd.DataFrame) -> pd.DataFrame:
    """The null: each text with the hypothesis made from its partner's embedding."""
    other = partners(len(frame))
    return frame.assign(
        hypothesis=frame["hypothesis"].to_numpy()[other], cosine=frame["cosine_null"]
    )


def trace_rows(
    trace: pd.DataFrame,
    columns: Row,
    baseline: str,
    wanted: Sequence[str],
    drawn: np.ndarray,
    lexicon: Lexicon | None = None,
) -> Iterator[Row]:
    """Rows of the table for every round of a trace; columns: those of its inversion."""
    for number, frame in trace.groupby("round"):
        for name, interval in round_measures(frame, wanted, drawn, lexicon).items():
            yield row(name, interval, columns | {"baseline": baseline, "round": int(number)})


def word_error_rows(
    frame: pd.DataFrame, columns: Row, lexicon: Lexicon, resamples: int
) -> Iterator[Row]:
    """Rows of the table of errors by word frequency, of one round."""
    place = columns | {"round": int(frame["round"].iloc[0])}
    for measured in word_errors(_pairs(frame), lexicon, resamples):
        yield place | measured


def row(metric: str, interval: Interval, columns: Row) -> Row:
    """One measurement; the cell's own columns are added by the table."""
    return {
        **columns,
        "metric": metric,
        "value": interval.value,
        "low": interval.low,
        "high": interval.high,
        "n": interval.n,
        "resampled": interval.resampled,
    }


def without_resamples(rows: Sequence[Row], resamples: int) -> tuple[list[Row], np.ndarray]:
    """Rows without their resampled values, and those, (rows, resamples) float32.

    What is no estimate has its value in every resample.
    """
    drawn = np.empty((len(rows), resamples), np.float32)
    for i, one in enumerate(rows):
        drawn[i] = one["value"] if one["resampled"] is None else one["resampled"]
    return [{key: one[key] for key in one if key != "resampled"} for one in rows], drawn


def gains(
    frame: pd.DataFrame, before: pd.DataFrame, drawn: np.ndarray, lexicon: Lexicon | None = None
) -> dict[str, Interval]:
    """Paired differences in cosine, corpus BLEU, exact match and recalls, on the same texts."""
    exact = [
        np.array([metrics.exact_match(*pair) for pair in _pairs(side)]) for side in (frame, before)
    ]
    cosines = frame["cosine"].to_numpy(), before["cosine"].to_numpy()
    found = {
        "cosine": bootstrap.mean_gain(*cosines, drawn),
        "bleu": bootstrap.bleu_gain(_statistics(frame), _statistics(before), drawn),
        "exact_match": bootstrap.mean_gain(*exact, drawn),
    }
    if lexicon is not None:
        sides = _pairs(frame), _pairs(before)
        recalls = {name: recall_gain(name, *sides, lexicon, len(drawn)) for name in UNITS}
        found |= {name: gain for name, gain in recalls.items() if gain is not None}
    return found


def _pairs(frame: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(frame["hypothesis"], frame["reference"], strict=True))


def _statistics(frame: pd.DataFrame) -> np.ndarray:
    return metrics.bleu_statistics(frame["hypothesis"].tolist(), frame["reference"].tolist())
