"""Recovered information by length and by dimension, of the hypothesizer's one pass."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from textback.figures import Tables
from textback.figures.select import embedding_sizes
from textback.figures.style import (
    AXIS_LABELS,
    GREY,
    LINES,
    MARKERS,
    WIDTH,
    dimension_label,
    errorbar,
    nth,
    octaves,
    palette,
)


def draw(tables: Tables) -> Figure:
    """Left: bits a text by length, under the bits there are. Right: bits a token by dimension."""
    table = tables.measurements
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.4), layout="constrained")
    _by_length(left, table)
    _by_dimension(right, table)
    return figure


def _by_length(ax: Axes, table: pd.DataFrame) -> None:
    sizes = embedding_sizes(table)
    colours = palette(sizes)
    lengths = sorted(table["length"].unique())
    there = table[table["metric"] == "null_nll_bits"].drop_duplicates("length")
    style = {"color": GREY, "linestyle": ":", "marker": "x"}
    errorbar(ax, there, "length", label="all bits of the text", **style)
    for index, (reduction, dim) in enumerate(sizes):
        line = table.query("metric == 'recovered_bits' and reduction == @reduction and dim == @dim")
        label = dimension_label(reduction, dim)
        style = {"marker": nth(MARKERS, index), "linestyle": nth(LINES, index)}
        style["color"] = colours[reduction, dim]
        errorbar(ax, line, "length", at=lengths, label=label, **style)
    octaves(ax, lengths)
    ax.set_ylim(bottom=0)
    ax.set_xlabel(AXIS_LABELS["length"])
    ax.set_ylabel("information (bits a text)")
    ax.legend()


def _by_dimension(ax: Axes, table: pd.DataFrame) -> None:
    lengths = sorted(table["length"].unique())
    colours = palette(lengths, "magma")  # not the left panel's: they stand for lengths
    per_token = table[table["metric"] == "recovered_bits_per_token"]
    dims = sorted(per_token["dim"].unique())
    for index, length in enumerate(lengths):
        line = per_token[per_token["length"] == length]
        errorbar(
            ax,
            line,
            "dim",
            at=dims,
            color=colours[length],
            marker=nth(MARKERS, -1 - index),
            linestyle=nth(LINES, index),
            label=f"{length} tokens",
        )
    octaves(ax, dims)
    ax.set_ylim(bottom=0)
    ax.set_xlabel(AXIS_LABELS["dim"])
    ax.set_ylabel(AXIS_LABELS["recovered_bits_per_token"])
    ax.legend()
