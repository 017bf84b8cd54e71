"""From traces to measurements: every metric of every round, of the inverter and its baselines."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from textback import bootstrap, metrics
from textback.metrics import TEXT_METRICS, Interval
from textback.trace import partners

Row = dict[str, Any]

COSINES = ("cosine", "cosine_null")


def round_measures(
    frame: pd.DataFrame, wanted: Sequence[str], drawn: np.ndarray
) -> dict[str, Interval]:
    """The wanted metrics of one round, a row a text (see `textback.trace`)."""
    found: dict[str, Interval] = {}
    pairs = _pairs(frame)
    for name, measure in TEXT_METRICS.items():
        if name in wanted:
            values = np.array([measure(*pair) for pair in pairs])
            found[name] = (
                metrics.wilson(values.sum(), len(values))
                if name == "exact_match"
                else bootstrap.mean_interval(values, drawn)
            )
    if "bleu" in wanted:
        found["bleu"] = bootstrap.bleu_interval(_statistics(frame), drawn)
    for name in COSINES:
        if name in wanted:
            found[name] = bootstrap.mean_interval(frame[name].to_numpy(), drawn)
    return found


def shuffled(frame: pd.DataFrame) -> pd.DataFrame:
    """The null: each text with the hypothesis made from its partner's embedding."""
    other = partners(len(frame))
    return frame.assign(
        hypothesis=frame["hypothesis"].to_numpy()[other], cosine=frame["cosine_null"]
    )


def trace_rows(
    trace: pd.DataFrame, columns: Row, baseline: str, wanted: Sequence[str], drawn: np.ndarray
) -> Iterator[Row]:
    """Rows of the table for every round of a trace; columns: those of its inversion."""
    for number, frame in trace.groupby("round"):
        for name, interval in round_measures(frame, wanted, drawn).items():
            yield row(name, interval, columns | {"baseline": baseline, "round": int(number)})


def row(metric: str, interval: Interval, columns: Row) -> Row:
    """One measurement; the cell's own columns are added by the table."""
    return {
        **columns,
        "metric": metric,
        "value": interval.value,
        "low": interval.low,
        "high": interval.high,
        "n": interval.n,
    }


def gains(frame: pd.DataFrame, before: pd.DataFrame, drawn: np.ndarray) -> dict[str, Interval]:
    """Paired differences in cosine, corpus BLEU and exact match, on the same texts."""
    exact = [
        np.array([metrics.exact_match(*pair) for pair in _pairs(side)]) for side in (frame, before)
    ]
    cosines = frame["cosine"].to_numpy(), before["cosine"].to_numpy()
    return {
        "cosine": bootstrap.mean_gain(*cosines, drawn),
        "bleu": bootstrap.bleu_gain(_statistics(frame), _statistics(before), drawn),
        "exact_match": bootstrap.mean_gain(*exact, drawn),
    }


def _pairs(frame: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(frame["hypothesis"], frame["reference"], strict=True))


def _statistics(frame: pd.DataFrame) -> np.ndarray:
    return metrics.bleu_statistics(frame["hypothesis"].tolist(), frame["reference"].tolist())
