"""Recovered information by length and by dimension, of the hypothesizer's one pass."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, StrMethodFormatter

from textback.counted import counted
from textback.figures import Tables
from textback.figures.select import embedding_sizes, leading, of_size
from textback.figures.style import (
    AXIS_LABELS,
    GREY,
    LINES,
    MARKERS,
    WIDTH,
    errorbar,
    narrow_octaves,
    note,
    nth,
    octaves,
    palette,
    size_styles,
)

PER = ("recovered_bits_per_token", "recovered_bits_per_dimension")
LEAST = 0.5  # bits: less is off the logarithmic axis
LABELS = {PER[0]: "bits a token", PER[1]: "bits a dimension"}


def draw(tables: Tables) -> Figure:
    """A row an embedder: bits a text, under all there are; bits a token; bits a dimension."""
    table, said = leading(tables.measurements, "inverter", "reduction")
    embedders = list(table["embedder"].unique())
    styles, lengths = size_styles(embedding_sizes(table)), sorted(table["length"].unique())
    figure, panels = plt.subplots(
        len(embedders),
        1 + len(PER),
        figsize=(WIDTH, 2.5 * len(embedders) + 1.1),
        sharex="col",
        squeeze=False,
        layout="constrained",
    )
    for embedder, row in zip(embedders, panels, strict=True):
        own = table[table["embedder"] == embedder]
        _by_length(row[0], own, styles)
        octaves(row[0], lengths)
        row[0].set_ylabel("recovered bits a text")
        for metric, ax in zip(PER, row[1:], strict=True):
            _by_dimension(ax, own[own["metric"] == metric], lengths)
            narrow_octaves(ax, sorted(table["dim"].unique()))
            ax.set_ylabel(LABELS[metric])
        if len(embedders) > 1:
            row[0].set_title(embedder, loc="left", fontweight="bold", fontsize=9)
    panels[-1][0].set_xlabel(AXIS_LABELS["length"])
    for ax in panels[-1][1:]:
        ax.set_xlabel("dimensions")
    note(figure, said)
    for ax, side in ((panels[0][0], "left"), (panels[0][1], "right")):
        handles, labels = ax.get_legend_handles_labels()
        style = {"ncols": 2, "fontsize": 7.5, "title_fontsize": 7.5, "alignment": "left"}
        title = "left" if side == "left" else "middle and right"
        figure.legend(handles, labels, loc=f"outside lower {side}", title=title, **style)
    return figure


def _by_length(ax: Axes, table: pd.DataFrame, styles: dict[tuple[str, int], dict]) -> None:
    lengths = sorted(table["length"].unique())
    there = table[table["metric"] == "null_nll_bits"].drop_duplicates("length")
    style = {"color": GREY, "linestyle": ":", "marker": "x"}
    errorbar(ax, there, "length", label="all bits of the text", **style)
    recovered = table[table["metric"] == "recovered_bits"]
    for size, style in styles.items():
        errorbar(ax, of_size(recovered, size), "length", at=lengths, **style)
    ax.tick_params(labelsize=7)
    ax.set_yscale("log", nonpositive="clip")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.minorticks_off()
    ax.set_ylim(bottom=max(LEAST, recovered["value"].min() / 1.5))


def _by_dimension(ax: Axes, shown: pd.DataFrame, lengths: list[int]) -> None:
    colours = palette(lengths, "magma")  # not the left panel's: they stand for lengths
    dims = sorted(shown["dim"].unique())
    for index, length in enumerate(lengths):
        errorbar(
            ax,
            shown[shown["length"] == length],
            "dim",
            at=dims,
            color=colours[length],
            marker=nth(MARKERS, -1 - index),
            linestyle=nth(LINES, index),
            label=counted(length, "token"),
        )
    ax.tick_params(labelsize=7)
    ax.set_ylim(bottom=min(0.0, shown["value"].min()))
