"""The kinds of reduction at equal dimension: what leaks of pca, prefix and random."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from textback.figures import Tables
from textback.figures.measures import SHORT_LABELS, columns_of
from textback.figures.select import (
    effort_of_all,
    final,
    leading,
    of_inverter,
    recovered_share,
    spread,
)
from textback.figures.style import (
    LINES,
    MARKERS,
    errorbar,
    note,
    nth,
    octaves,
    palette,
    y_from_zero,
)

METRICS = ("exact_match", "bleu", "recovered_share")
COLUMNS = 4  # lengths
SPREAD = 1.04  # side by side, so that intervals at one size do not hide each other
NATIVE = {"color": "0.2", "marker": "*", "linestyle": ""}


def draw(tables: Tables) -> Figure:
    """A row of panels a measure, a column a length; the embedding size along each."""
    table, said = leading(of_inverter(tables.measurements), "inverter", "embedder")
    table = recovered_share(table)
    lengths = spread(table["length"], COLUMNS)
    looks = _looks(table)
    figure, panels = columns_of({metric: SHORT_LABELS[metric] for metric in METRICS}, lengths)
    for metric, row in zip(METRICS, panels, strict=True):
        shown = final(table[table["metric"] == metric])
        for length, ax in zip(lengths, row, strict=True):
            _panel(ax, shown[shown["length"] == length], looks)
        y_from_zero(row[0], shown)
    for ax in panels[-1]:
        octaves(ax, sorted(table["dim"].unique()))
        ax.tick_params(axis="x", labelsize=7, labelrotation=45 if len(lengths) > 2 else 0)
    note(figure, said, effort_of_all(table))
    handles = [Line2D([], [], label=kind, markersize=5, **look) for kind, look in looks.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def _looks(table: pd.DataFrame) -> dict[str, dict[str, object]]:
    kinds = [kind for kind in table["reduction"].unique() if kind != "native"]
    colours = palette(kinds, "viridis")
    looks = {
        kind: {"color": colours[kind], "marker": nth(MARKERS, i), "linestyle": nth(LINES, i)}
        for i, kind in enumerate(kinds)
    }
    return looks | ({"native": NATIVE} if (table["reduction"] == "native").any() else {})


def _panel(ax: Axes, table: pd.DataFrame, looks: dict[str, dict[str, object]]) -> None:
    for index, (kind, style) in enumerate(looks.items()):
        own = table[table["reduction"] == kind]
        shift = 1.0 if kind == "native" else SPREAD ** (index - 1)
        errorbar(ax, own.assign(x=own["dim"] * shift), "x", **style)
