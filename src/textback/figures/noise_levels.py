"""Gaussian noise on the stored embeddings: what still leaks, and what is still found."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from textback.config import FIGURES
from textback.figures import Tables, overlay
from textback.figures.select import of_own_texts, varied
from textback.figures.settings import ATTACK, NothingToShow, beside, comparable, measured, title
from textback.figures.style import AXIS_LABELS, OURS, WIDTH, errorbar, legend_of_all
from textback.published.pairs import noise_level
from textback.retrieval.means import mean_over_sets

METRICS = FIGURES["noise_levels"].metrics
FIGURE = "defence_noise"


def draw(tables: Tables) -> Figure:
    """A row of panels for each attack on noisy embeddings; the retrieval at the right."""
    table = leveled(of_own_texts(measured(tables)))
    published = tables.published[tables.published["figure"] == FIGURE]
    several = varied(table[table["round"] > 0], "noise", ATTACK)
    found = [comparable(rows, "noise", published) for rows in several]
    if not found:
        raise NothingToShow("noise_levels")
    figure, panels = plt.subplots(
        len(found),
        len(METRICS) + 1,
        figsize=(WIDTH, 2.6 * len(found) + 0.6),
        squeeze=False,
        layout="constrained",
    )
    searched = leveled(mean_over_sets(tables.retrieval))
    for rows, axes in zip(found, panels, strict=True):
        pairs = beside(tables.published, rows)
        for metric, ax in zip(METRICS, axes, strict=False):
            _panel(ax, rows[rows["metric"] == metric], overlay.chosen(pairs, metric, FIGURE))
            ax.set_ylabel(AXIS_LABELS[metric])
        own = searched.merge(rows[["embedder", "reduction", "dim"]].drop_duplicates())
        theirs = tables.published[tables.published["embedder"] == rows["embedder"].iloc[0]]
        _panel(axes[-1], own, overlay.chosen(theirs, "ndcg_at_10", FIGURE))
        axes[-1].set_ylabel(AXIS_LABELS["ndcg_at_10"])
        axes[0].set_title(title(rows), loc="left", fontweight="bold")
    legend_of_all(figure)
    return figure


def leveled(table: pd.DataFrame) -> pd.DataFrame:
    """The rows without noise or with Gaussian noise, with its λ as `noise`."""
    table = table.assign(noise=table["perturbation"].map(noise_level))
    return table[table["noise"].notna()]


def _panel(ax: Axes, own: pd.DataFrame, theirs: pd.DataFrame) -> None:
    """Equal steps from no noise on, as levels are powers of ten and none has no logarithm."""
    theirs = leveled(theirs.drop(columns="noise")) if len(theirs) else theirs.assign(noise=0.0)
    levels = sorted({*own["noise"], *theirs["noise"]})
    place = {value: index for index, value in enumerate(levels)}
    style = {"marker": OURS["marker"], "color": OURS["color"], "label": "ours"}
    errorbar(ax, own.assign(x=own["noise"].map(place)), "x", **style)
    if len(theirs):
        overlay.lines(ax, theirs.assign(x=theirs["noise"].map(place)), "x")
    ax.set_xticks(range(len(levels)), [f"{value:g}" if value else "none" for value in levels])
    ax.set_xlabel("noise λ")
    ax.set_ylim(bottom=0)
