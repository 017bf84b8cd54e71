"""Leakage against retrieval quality: a line an embedder, a point an embedding size."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from textback.counted import counted
from textback.errors import TextbackError
from textback.figures import Tables
from textback.figures.embedders import Looks, legend, looks_of
from textback.figures.select import final, of_inverter
from textback.figures.style import AXIS_LABELS, WIDTH, around

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
    legend(figure, looks)
    return figure


def _of_texts(inverted: pd.DataFrame) -> str:
    exact = final(inverted[inverted["metric"] == "exact_match"]).groupby("length")["value"].max()
    return "exact_match" if exact.min() >= SEEN else "bleu"


def _panel(ax: Axes, both: pd.DataFrame, looks: Looks) -> None:
    middle = both.groupby("embedder")["value"].mean().median()
    for embedder, colour_and_marker in looks.embedders.items():
        own = both[both["embedder"] == embedder].sort_values("dim")
        for kind, line in looks.reductions.items():
            joined = own[own["reduction"].isin([kind, "native"])]
            style = {"linestyle": line, **colour_and_marker}
            ax.plot(joined["x"], joined["value"], linewidth=1.2, markersize=5, **style)
        bars = {"ecolor": colour_and_marker["color"], "elinewidth": 0.7, "alpha": 0.7}
        ax.errorbar(
            own["x"],
            own["value"],
            xerr=around(own["x"], own["x_low"], own["x_high"]),
            yerr=around(own["value"], own["low"], own["high"]),
            fmt="none",
            **bars,
        )
        _write_sizes(ax, own, above=own["value"].mean() >= middle)
    ax.set_ylim(bottom=min(0.0, both["low"].min()))


def _write_sizes(ax: Axes, points: pd.DataFrame, above: bool) -> None:
    """The dimension beside each point, on the side that is away from the other embedders."""
    side = -1 if above else 1  # up and left, or down and right
    for point in points.itertuples():
        ax.annotate(
            str(point.dim),
            (point.x, point.value),
            xytext=(3 * side, -2.5 * side),
            textcoords="offset points",
            horizontalalignment="right" if above else "left",
            verticalalignment="bottom" if above else "top",
            fontsize=6,
            color="0.25",
            path_effects=[withStroke(linewidth=1.5, foreground="white")],
        )
