"""How near the embeddings of first hypotheses come to their targets, a histogram of texts."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from textback.figures import Tables, overlay
from textback.figures.settings import attacks, beside, title
from textback.figures.style import AXIS_LABELS, GREY, grid, legend_of_all

BINS = np.linspace(-1, 1, 81)
COLUMNS = 3


def draw(tables: Tables) -> Figure:
    """A panel a cell: hypothesizer, last round and other texts' hypotheses; seeds together."""
    cells = attacks(tables.texts)
    figure, panels = grid(len(cells), COLUMNS, height=2.5)
    for rows, ax in zip(cells, panels.flat, strict=False):
        _panel(ax, rows, beside(tables.published, rows))
    for ax in panels[:, 0]:
        ax.set_ylabel("share of texts")
    legend_of_all(figure)
    return figure


def _panel(ax: Axes, rows: pd.DataFrame, pairs: pd.DataFrame) -> None:
    last = rows["round"].max()
    first = rows[rows["round"] == 0]
    ends = rows[rows["round"] == last]["cosine"]
    kinds = [(first["cosine_null"], "other texts' hypotheses", {"color": GREY, "linestyle": ":"})]
    kinds.append((first["cosine"], "first hypotheses", {"color": "#b05a00"}))
    if last > 0:
        kinds.append((ends, "after the last round", {"color": "#00336e", "linestyle": "--"}))
    for values, label, style in kinds:
        weights = np.full(len(values), 1 / len(values))
        ax.hist(values, BINS, weights=weights, histtype="step", linewidth=1.3, label=label, **style)
    means = overlay.chosen(pairs, "cosine", "table1").query("method == 'hypothesizer'")
    for value in means["published"].unique():
        ax.axvline(value, color="black", linestyle="--", linewidth=1)
        ax.plot(
            [value],
            [0],
            zorder=4,
            clip_on=False,
            label=f"mean, {overlay.label(means)}",
            marker="o",
            linestyle="--",
            **overlay.STYLE,
        )
    low = min(values.min() for values, _, _ in kinds)
    ax.set_xlim(max(-1, low - 0.05), 1.02)
    ax.set_xlabel(AXIS_LABELS["cosine"])
    ax.set_title(title(rows).replace(", ", "\n"), loc="left", fontsize=8, fontweight="bold")
