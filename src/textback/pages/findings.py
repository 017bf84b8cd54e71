"""What a study found, in sentences whose every number is computed from its tables."""

from collections.abc import Iterator

import pandas as pd

from textback.counted import counted
from textback.figures.select import cover_seeds, undisturbed
from textback.pages.html import NAMES, interval, number
from textback.pages.naming import name_of, varied
from textback.pages.reached import (
    KEYS,
    NEAREST,
    SHUFFLED,
    best_reached,
    headline,
    latest,
    of_stage,
    widest,
)

SIZES = {"length": "tokens", "dim": "dimensions"}
KINDS = {
    "corpus": "corpora",
    "embedder": "embedders",
    "inverter": "inverters",
    "search": "searches",
    "reduction": "reductions at equal dimension",
}


def findings(rows: pd.DataFrame, comparisons: pd.DataFrame) -> list[str]:
    """The sentences, of `reached` rows and comparisons.csv; the most important first."""
    metric = headline(rows, list(NAMES))
    if metric is None:
        return list(_bits(rows))
    cells = best_reached(rows, metric)
    return [
        *_extremes(rows, metric, cells),
        *_correction(comparisons, metric),
        *(said for axis in SIZES for said in _size(cells, axis, metric)),
        *(said for axis in KINDS for said in _kinds(cells, axis, metric)),
        *_bits(rows),
        *_baselines(rows, metric),
    ]


def _extremes(rows: pd.DataFrame, metric: str, cells: pd.DataFrame) -> Iterator[str]:
    """The cell most and the one least recovered, with the other measures beside the first one."""
    varying = varied(cells.index)
    order = cells.sort_values("value", ascending=False, kind="stable")
    if len(cells) == 1:
        yield f"The study's one cell reaches {_measures(rows, cells.index[0])}."
        return
    yield (
        f"Most is recovered at {name_of(order.index[0], varying)}: "
        f"{_measures(rows, order.index[0])}."
    )
    yield (
        f"Least is recovered at {name_of(order.index[-1], varying)}: "
        f"{_measures(rows, order.index[-1])}."
    )


def _measures(rows: pd.DataFrame, cell: tuple) -> str:
    """What a cell reached, all measures, with the effort it took."""
    told = []
    for metric, name in NAMES.items():
        found = best_reached(rows, metric)
        if cell in found.index:
            told.append(f"{name} {_with_interval(metric, found.loc[cell])}")
            effort = found.loc[cell]
    after = f"after {counted(int(effort['round']), 'round')} with beam {int(effort['beam'])}"
    return f"{', '.join(told)} {after if effort['round'] else 'in one pass'}"


def _correction(comparisons: pd.DataFrame, metric: str) -> Iterator[str]:
    """What the last round has more than round 0, on the same texts."""
    gained = undisturbed(comparisons)
    gained = gained[(gained["against"] == "round 0") & (gained["metric"] == metric)]
    gained = cover_seeds(
        widest(latest(gained)).drop(columns="part").drop_duplicates([*KEYS, "seed"])
    )
    if gained.empty:
        return
    order = gained.sort_values("value", kind="stable").set_index(KEYS)
    least, most = order.iloc[0], order.iloc[-1]
    sure = int((order["low"] > 0).sum())
    points = "points of " if metric == "exact_match" else ""
    if len(order) == 1:
        chance = "more than chance explains" if sure else "no more than chance may explain"
        yield f"Correction adds {_gain(metric, most)} {points}{NAMES[metric]}: {chance}."
        return
    varying = varied(order.index)
    yield (
        f"Correction adds {_difference(metric, order['value'].mean())} {points}{NAMES[metric]} on "
        f"average: from {_gain(metric, least)} at {name_of(order.index[0], varying)}, to "
        f"{_gain(metric, most)} at {name_of(order.index[-1], varying)}; in {sure} of {len(order)} "
        "cells more than chance explains."
    )


def _size(cells: pd.DataFrame, axis: str, metric: str) -> Iterator[str]:
    """How the smallest and the largest value of an axis differ, in cells alike in all else."""
    of = ["reduction", "dim"] if axis == "dim" else [axis]
    pairs = cells.reset_index().pivot_table("value", [k for k in KEYS if k not in of], axis)
    if pairs.shape[1] < 2:
        return
    pairs = pairs[[pairs.columns.min(), pairs.columns.max()]].dropna()
    if pairs.empty:
        return
    (small, before), (large, after) = pairs.items()
    falls = after.mean() < before.mean()
    alike = int(((after < before) if falls else (after > before)).sum())
    moves = f"{NAMES[metric]} {'falls' if falls else 'rises'}"
    means = f"from {number(metric, before.mean())} to {number(metric, after.mean())}"
    over = f" on average: in {alike} of {len(pairs)} pairs alike in all else"
    yield f"From {small} to {large} {SIZES[axis]}, {moves} {means}{over if len(pairs) > 1 else ''}."


def _kinds(cells: pd.DataFrame, axis: str, metric: str) -> Iterator[str]:
    """The values of an axis in order, on the cells that all of them have."""
    frame = cells.reset_index()
    if axis == "reduction":
        frame = frame[frame["reduction"] != "native"]
    shared = frame.pivot_table("value", [key for key in KEYS if key != axis], axis).dropna()
    if shared.shape[1] < 2 or shared.empty:
        return
    means = shared.mean().sort_values(ascending=False, kind="stable")
    listed = ", ".join(f"{name} {number(metric, value)}" for name, value in means.items())
    over = f", mean of {len(shared)} cells each" if len(shared) > 1 else ""
    yield f"Of the {KINDS[axis]}, most to least recovered: {listed} ({NAMES[metric]}{over})."


def _bits(rows: pd.DataFrame) -> Iterator[str]:
    """The share of the text's bits that one pass recovers."""
    unrecovered = rows[rows["metric"] == "unrecovered_fraction"].set_index(KEYS)["value"]
    if unrecovered.empty:
        return
    share = (1 - unrecovered).sort_values(kind="stable")
    low, high = (f"{100 * value:.0f}%" for value in (share.iloc[0], share.iloc[-1]))
    span = low if low == high else f"between {low} and {high}"
    yield f"One pass recovers {span} of a text's bits."


def _baselines(rows: pd.DataFrame, metric: str) -> Iterator[str]:
    """The most that comes of no inversion; no passage of training is an exact match."""
    metric = "bleu" if len(of_stage(rows, NEAREST, "bleu")) else metric
    told = []
    sources = {NEAREST: "the nearest training passage", SHUFFLED: "another text's embedding"}
    for stage, name in sources.items():
        found = of_stage(rows, stage, metric)["value"]
        if len(found):
            told.append(f"{name} reaches {number(metric, found.max())}")
    if told:
        yield f"For comparison, at most: {', '.join(told)} ({NAMES[metric]})."


def _with_interval(metric: str, row: pd.Series) -> str:
    return f"{number(metric, row['value'])} {interval(metric, row['low'], row['high'])}"


def _gain(metric: str, row: pd.Series) -> str:
    value, low, high = (_difference(metric, row[key]) for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def _difference(metric: str, value: float) -> str:
    """With its sign, and without the unit: of shares, a difference is in points."""
    return number(metric, value, "+").removesuffix("%")
