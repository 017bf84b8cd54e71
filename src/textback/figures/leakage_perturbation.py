"""Leakage against retrieval quality under perturbations of what is stored: a point each."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from textback.config import FIGURES
from textback.counted import counted
from textback.errors import TextbackError
from textback.figures import Tables, overlay
from textback.figures.embedders import Looks, legend, looks_of
from textback.figures.select import of_own_texts, varied
from textback.figures.settings import ATTACK, NothingToShow, beside, comparable, measured
from textback.figures.style import AXIS_LABELS, WIDTH, around
from textback.retrieval.means import POINT, mean_over_sets

METRICS = FIGURES["leakage_perturbation"].metrics
X = {"value": "x", "low": "x_low", "high": "x_high"}  # of a point: its quality and its interval
PUBLISHED = "defence_noise"


def draw(tables: Tables) -> Figure:
    """A row of panels a length, a column a metric; a line an embedder through its noise."""
    table = of_own_texts(measured(tables))
    found = varied(table, "perturbation", ATTACK)
    if not found:
        raise NothingToShow("leakage_perturbation")
    published = tables.published[tables.published["figure"] == PUBLISHED]
    rows = pd.concat([comparable(attack, "perturbation", published) for attack in found])
    quality = mean_over_sets(tables.retrieval)
    if quality.empty:
        raise TextbackError(
            "figure 'leakage_perturbation': the study searches no retrieval set: name one in "
            "use_retrieval_sets"
        )
    quality = quality[[*POINT, *X]].rename(columns=X)
    looks = looks_of(rows)
    lengths = sorted(rows["length"].unique())
    figure, panels = plt.subplots(
        len(lengths),
        len(METRICS),
        figsize=(WIDTH, 3.1 * len(lengths) + 0.6),
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    for length, axes in zip(lengths, panels, strict=True):
        for metric, ax in zip(METRICS, axes, strict=True):
            own = rows[(rows["length"] == length) & (rows["metric"] == metric)]
            _panel(ax, own.merge(quality, on=POINT), looks)
            _published(ax, published, own, metric)
            ax.set_ylabel(AXIS_LABELS[metric])
            ax.set_ylim(bottom=0)
        axes[0].set_title(counted(length, "token"), loc="left", fontweight="bold")
    for ax in panels[-1]:
        ax.set_xlabel(AXIS_LABELS["ndcg_at_10"])
    named, _ = panels[0][0].get_legend_handles_labels()
    legend(figure, looks, *named)
    return figure


def _panel(ax: Axes, points: pd.DataFrame, looks: Looks) -> None:
    for embedder, style in looks.embedders.items():
        for _, own in points[points["embedder"] == embedder].groupby(["reduction", "dim"]):
            bars = {"ecolor": style["color"], "elinewidth": 0.7, "alpha": 0.7}
            ax.errorbar(
                own["x"],
                own["value"],
                xerr=around(own["x"], own["x_low"], own["x_high"]),
                yerr=around(own["value"], own["low"], own["high"]),
                fmt="none",
                **bars,
            )
            noisy = own[own["perturbation"].str.contains("none|gaussian")].sort_values("x")
            ax.plot(noisy["x"], noisy["value"], linewidth=1, **style)
            ax.plot(own["x"], own["value"], linestyle="none", markersize=5, **style)
            for point in own.itertuples():
                _name(ax, point.x, point.value, point.perturbation)


def _published(ax: Axes, published: pd.DataFrame, own: pd.DataFrame, metric: str) -> None:
    """The published noise beside these rows of ours: a line from no noise on."""
    leaked = overlay.chosen(beside(published, own), metric, PUBLISHED)
    found = overlay.chosen(published, "ndcg_at_10", PUBLISHED)[["noise", "published"]]
    both = leaked.merge(found.rename(columns={"published": "quality"}), on="noise")
    if len(both):
        overlay.lines(ax, both, "quality")


def _name(ax: Axes, x: float, y: float, name: str) -> None:
    """Noise by its λ at the left; what is not on the line of noise at the right."""
    kind, _, level = name.partition(":")
    on_line = kind in ("none", "gaussian")
    ax.annotate(
        level or kind,
        (x, y),
        xytext=(-4 if on_line else 4, 2),
        textcoords="offset points",
        horizontalalignment="right" if on_line else "left",
        fontsize=6,
        color="0.25",
        path_effects=[withStroke(linewidth=1.5, foreground="white")],
    )
