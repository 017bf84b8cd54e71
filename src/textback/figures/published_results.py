"""The paper's main table as a figure: every published value beside ours."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from textback.config import FIGURES
from textback.figures import Tables, overlay
from textback.figures.settings import nothing
from textback.figures.style import AXIS_LABELS, OURS, WIDTH, around, legend_below
from textback.published.pairs import STAND_IN
from textback.published.words import how, own_texts, where

METRICS = FIGURES["published_results"].metrics
FIGURE = "table1"
SETTING = ["dataset", "published_embedder", "max_tokens"]
METHOD = ["method", "steps", "published_beam"]
ROW = 0.25  # inches


def draw(tables: Tables) -> Figure:
    """A block of rows for each published setting, a row a method, a panel a metric."""
    pairs = tables.published[tables.published["figure"] == FIGURE]
    if pairs.empty:
        raise nothing("published_results")
    blocks = [rows for _, rows in pairs.groupby(SETTING, sort=False)]
    heights = [len(rows[METHOD].drop_duplicates()) + 1 for rows in blocks]
    figure, panels = plt.subplots(
        len(blocks),
        len(METRICS),
        figsize=(WIDTH, ROW * sum(heights) + 0.75 * len(blocks) + 0.5),
        height_ratios=heights,
        sharex="col",
        squeeze=False,
        layout="constrained",
    )
    for rows, axes in zip(blocks, panels, strict=True):
        methods = rows[METHOD].drop_duplicates().reset_index(drop=True)
        methods["place"] = range(len(methods))
        placed = rows.merge(methods, on=METHOD)
        for metric, ax in zip(METRICS, axes, strict=True):
            _panel(ax, placed[placed["metric"] == metric], len(methods))
            ax.set_yticks(methods["place"], [""] * len(methods))
        first = placed.drop_duplicates("place").sort_values("place")
        axes[0].set_yticks(first["place"], [how(row) for _, row in first.iterrows()])
        axes[0].set_title(_title(rows), loc="left", fontweight="bold", fontsize=8, x=-0.02)
    for metric, ax in zip(METRICS, panels[-1], strict=True):
        ax.set_xlabel(AXIS_LABELS[metric].replace(" (", "\n("))
    legend_below(figure, panels[0][0], columns=2)
    return figure


def _panel(ax: Axes, rows: pd.DataFrame, methods: int) -> None:
    ax.errorbar(
        rows["value"],
        rows["place"],
        xerr=around(rows["value"], rows["low"], rows["high"]),
        linestyle="none",
        label="ours",
        **OURS,
    )
    if len(rows):
        overlay.points(ax, rows["published"], rows["place"], "o", overlay.label(rows))
    ax.set_ylim(methods - 0.4, -0.6)


def _title(rows: pd.DataFrame) -> str:
    """The published setting, and ours where it is another."""
    first = rows.iloc[0]
    ours = own_texts(first)
    return where(first) + (f"; ours: {ours}" if (rows["verdict"] == STAND_IN).all() else "")
