"""Do all curves fall on one? The unrecovered fraction by length, and by load."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from textback.figures import Tables
from textback.figures.select import embedding_sizes, leading, of_inverter, of_size
from textback.figures.style import (
    AXIS_LABELS,
    WIDTH,
    errorbar,
    legend_below,
    note,
    octaves,
    size_styles,
)
from textback.scaling.collapse import scatter

KEYS = ["embedder", "length", "reduction", "dim"]


def draw(tables: Tables) -> Figure:
    """A row an embedder: left by length, right by load ρ, each with the scatter about one curve."""
    table, said = leading(of_inverter(tables.measurements), "inverter", "reduction")
    points = with_load(table)
    embedders = list(points["embedder"].unique())
    styles = size_styles(embedding_sizes(points))
    figure, panels = plt.subplots(
        len(embedders),
        2,
        figsize=(WIDTH, 2.5 * len(embedders) + 0.9),
        sharex="col",
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for embedder, (left, right) in zip(embedders, panels, strict=True):
        own = points[points["embedder"] == embedder]
        for x, ax in (("length", left), ("load", right)):
            _panel(ax, own, x, styles)
        left.set_ylabel("unrecovered (share of bits)")
        if len(embedders) > 1:
            left.set_title(embedder, loc="left", fontweight="bold", fontsize=9)
        octaves(left, sorted(points["length"].unique()))
        _plain(right)
    panels[-1][0].set_xlabel(AXIS_LABELS["length"])
    panels[-1][1].set_xlabel("load ρ (bits of the text / dimension)")
    note(figure, said)
    legend_below(figure, panels[0][0], columns=3)
    return figure


def with_load(table: pd.DataFrame) -> pd.DataFrame:
    """The unrecovered fraction of each cell, a row each, with its `load`."""
    u = table[table["metric"] == "unrecovered_fraction"]
    bits = table[table["metric"] == "null_nll_bits"][[*KEYS, "value"]]
    points = u.merge(bits.rename(columns={"value": "bits"}), on=KEYS, validate="1:1")
    return points.assign(load=points["bits"] / points["dim"])


def _panel(ax: Axes, points: pd.DataFrame, x: str, styles: dict[tuple[str, int], dict]) -> None:
    for size, style in styles.items():
        errorbar(ax, of_size(points, size), x, **style)
    ax.set_ylim(min(0.0, points["low"].min()), 1.05 * max(1.0, points["value"].max()))
    off = scatter(points[x].to_numpy(float), points["value"].to_numpy(float))
    ax.text(
        0.97,
        0.05,
        f"scatter about one curve: {off:.3f}",
        transform=ax.transAxes,
        horizontalalignment="right",
        fontsize=8,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
    )


def _plain(ax: Axes) -> None:
    """A logarithmic x axis in plain numbers."""
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.minorticks_off()
