"""Leakage against retrieval quality: a line an embedder, a point an embedding size."""

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from textback.counted import counted
from textback.errors import TextbackError
from textback.figures import Tables
from textback.figures.embedders import Looks, legend, looks_of
from textback.figures.select import final, of_inverter
from textback.figures.style import AXIS_LABELS, GREY, WIDTH, around

SEEN = 0.05  # of the texts: where fewer of a length are recovered exactly, BLEU tells more
KEYS = ["embedder", "reduction", "dim"]
X = ["x", "x_low", "x_high"]  # of a point: its quality and its interval


def draw(tables: Tables) -> Figure:
    """A column of panels a length; above exact match or BLEU, below the bits of the one pass.

    Raises TextbackError where the study searched no retrieval set.
    """
    quality = tables.retrieval.query("metric == 'ndcg_at_10' and perturbation == 'none'")
    if quality.empty:
        raise TextbackError(
            "figure 'leakage_retrieval': the study searches no retrieval set: name one in "
            "use_retrieval_sets"
        )
    quality = quality[[*KEYS, "value", "low", "high"]].set_axis([*KEYS, *X], axis=1)
    inverted = of_inverter(tables.measurements)
    metrics = (_of_texts(inverted), "recovered_bits")
    lengths = sorted(inverted["length"].unique())
    looks = looks_of(inverted)
    figure, panels = plt.subplots(
        len(metrics),
        len(lengths),
        figsize=(WIDTH, 5.8),
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    for metric, row in zip(metrics, panels, strict=True):
        leaked = final(inverted[inverted["metric"] == metric]).merge(quality, on=KEYS)
        for length, ax in zip(lengths, row, strict=True):
            _panel(ax, leaked[leaked["length"] == length], looks)
        row[0].set_ylabel(AXIS_LABELS[metric])
    for length, ax in zip(lengths, panels[0], strict=True):
        ax.set_title(counted(length, "token"), loc="left", fontweight="bold")
    for ax in panels[-1]:
        ax.set_xlabel(AXIS_LABELS["ndcg_at_10"])
    legend(figure, looks, *_sizes(sorted(inverted["dim"].unique())))
    return figure


def _of_texts(inverted: pd.DataFrame) -> str:
    exact = final(inverted[inverted["metric"] == "exact_match"]).groupby("length")["value"].max()
    return "exact_match" if exact.min() >= SEEN else "bleu"


def _panel(ax: Axes, both: pd.DataFrame, looks: Looks) -> None:
    for embedder, colour_and_marker in looks.embedders.items():
        own = both[both["embedder"] == embedder].sort_values("dim")
        for kind, line in looks.reductions.items():
            joined = own[own["reduction"].isin([kind, "native"])]
            colour = colour_and_marker["color"]
            ax.plot(joined["x"], joined["value"], linewidth=1.2, linestyle=line, color=colour)
        bars = {"ecolor": colour_and_marker["color"], "elinewidth": 0.7, "alpha": 0.7}
        ax.errorbar(
            own["x"],
            own["value"],
            xerr=around(own["x"], own["x_low"], own["x_high"]),
            yerr=around(own["value"], own["low"], own["high"]),
            fmt="none",
            **bars,
        )
        for point in own.itertuples():
            ax.plot(point.x, point.value, markersize=_marker_size(point.dim), **colour_and_marker)
    ax.set_ylim(bottom=min(0.0, both["low"].min()))


def _marker_size(dim: int) -> float:
    """Of an embedding size, in points: one more for each tripling, or nearly."""
    return 1 + 0.75 * math.log2(dim)


def _sizes(dims: Sequence[int]) -> list[Line2D]:
    """What markers of a size stand for."""
    return [
        Line2D(
            [],
            [],
            label=f"{dim} dimensions",
            color=GREY,
            linestyle="none",
            marker="o",
            markersize=_marker_size(dim),
        )
        for dim in dims
    ]
