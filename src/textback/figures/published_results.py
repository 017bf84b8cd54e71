"""The paper's main table as a figure: every published value beside ours."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from textback.config import FIGURES
from textback.figures import Tables, overlay
from textback.figures.settings import NothingToShow
from textback.figures.style import OURS, WIDTH, around, block_title, legend_of_all
from textback.published.pairs import STAND_IN
from textback.published.words import how, own_texts, where

METRICS = FIGURES["published_results"].metrics
FIGURE = "table1"
SETTING = ["dataset", "published_embedder", "max_tokens"]
LABELS = {
    "bleu_sentence": "BLEU\n(0–100)",
    "token_f1_set": "token F1\n(0–1)",
    "exact_match": "exact match\n(share)",
    "cosine": "cosine\n(−1–1)",
}
FIRST = ["hypothesizer", "corrector"]
METHOD = ["method", "steps", "published_beam"]
ROW = 0.25  # inches


def draw(tables: Tables) -> Figure:
    """A block of rows for each published setting, a row a method, a panel a metric."""
    pairs = tables.published[tables.published["figure"] == FIGURE]
    if pairs.empty:
        raise NothingToShow("published_results")
    blocks = [rows for _, rows in pairs.groupby(SETTING, sort=False)]
    heights = [len(rows[METHOD].drop_duplicates()) + 1 for rows in blocks]
    figure, panels = plt.subplots(
        len(blocks),
        len(METRICS),
        figsize=(WIDTH, ROW * sum(heights) + 0.9 * len(blocks) + 0.5),
        height_ratios=heights,
        sharex="col",
        squeeze=False,
        layout="constrained",
    )
    for rows, axes in zip(blocks, panels, strict=True):
        methods = _in_order(rows[METHOD].drop_duplicates())
        placed = rows.merge(methods, on=METHOD)
        for metric, ax in zip(METRICS, axes, strict=True):
            _panel(ax, placed[placed["metric"] == metric], len(methods))
            ax.set_yticks(methods["place"], [""] * len(methods))
        first = placed.drop_duplicates("place").sort_values("place")
        axes[0].set_yticks(first["place"], [how(row) for _, row in first.iterrows()])
        block_title(axes[0], _title(rows))
    for metric, ax in zip(METRICS, panels[-1], strict=True):
        ax.set_xlabel(LABELS[metric])
    legend_of_all(figure)
    return figure


def _in_order(methods: pd.DataFrame) -> pd.DataFrame:
    """The methods with their places: the paper's own by their rounds, then the baselines."""
    rank = methods["method"].map({name: i for i, name in enumerate(FIRST)}).fillna(len(FIRST))
    methods = methods.assign(rank=rank).sort_values(["rank", "steps", "published_beam"])
    return methods.drop(columns="rank").assign(place=range(len(methods)))


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
    """The published setting, and ours, that of most rows, where it is another."""
    setting = where(rows.iloc[0])
    if (rows["verdict"] != STAND_IN).any():
        return setting
    ours = pd.Series([own_texts(row) for _, row in rows.iterrows()])
    return f"{setting}\nours: {ours.mode()[0]}"
