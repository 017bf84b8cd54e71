"""Cosine against sentence BLEU, a point a text, before and after correction."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from textback.counted import counted
from textback.figures import Tables, overlay
from textback.figures.settings import attacks, beside, title
from textback.figures.style import AXIS_LABELS, grid, legend_of_all

BEFORE = {"color": "0.6", "marker": "x", "s": 12, "linewidths": 0.7}
AFTER = {"color": "#00336e", "marker": "o", "s": 9, "linewidths": 0}
PUBLISHED = "table1"
COLUMNS = 3


def draw(tables: Tables) -> Figure:
    """A panel a corpus, embedder and length; native embedding or the largest, widest beam."""
    found = [rows[rows["seed"] == rows["seed"].min()] for rows in attacks(tables.texts)]
    figure, panels = grid(len(found), COLUMNS, height=3.1, sharey=True)
    for rows, ax in zip(found, panels.flat, strict=False):
        _panel(ax, rows, beside(tables.published, rows))
        name = f"{title(rows)}, {counted(rows['dim'].iloc[0], 'dimension')}".replace(", ", "\n")
        ax.set_title(name, loc="left", fontweight="bold", fontsize=8)
    for ax in panels[:, 0]:
        ax.set_ylabel(AXIS_LABELS["bleu_sentence"])
    legend_of_all(figure, columns=3)
    return figure


def _panel(ax: Axes, rows: pd.DataFrame, pairs: pd.DataFrame) -> None:
    last = rows["round"].max()
    ends = [(0, BEFORE, "round 0"), (last, AFTER, f"round {last}")]
    for number, style, label in ends[: 2 if last else 1]:
        shown = rows[rows["round"] == number]
        ax.scatter(shown["cosine"], shown["bleu_sentence"], alpha=0.7, label=label, **style)
    _published(ax, pairs)
    ax.set_xlabel(AXIS_LABELS["cosine"])


def _published(ax: Axes, pairs: pd.DataFrame) -> None:
    """A published mean of each method and effort of which both numbers are known."""
    effort = ["method", "steps", "published_beam"]
    cosine, bleu = (overlay.chosen(pairs, m, PUBLISHED) for m in ("cosine", "bleu_sentence"))
    means = cosine.merge(bleu, on=effort, suffixes=("", "_of_bleu")).drop_duplicates(effort)
    if len(means):
        label = f"means, {overlay.label(means)}"
        overlay.points(ax, means["published"], means["published_of_bleu"], "o", label)
