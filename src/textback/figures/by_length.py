"""Measures by text length, a line a dimension, after the last round of the widest beam."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from textback.config import FIGURES
from textback.figures import Tables
from textback.figures.select import embedding_sizes, final, of_inverter
from textback.figures.style import (
    AXIS_LABELS,
    BASELINE_NAMES,
    BASELINE_STYLES,
    LINES,
    MARKERS,
    WIDTH,
    dimension_label,
    errorbar,
    legend_below,
    nth,
    octaves,
    palette,
)

METRICS = FIGURES["by_length"].metrics


def draw(tables: Tables) -> Figure:
    """A panel a metric; the baselines beside the inverter's lines."""
    table = tables.measurements
    figure, panels = plt.subplots(
        2, 2, figsize=(WIDTH, 5.4), sharex=True, squeeze=False, layout="constrained"
    )
    for metric, ax in zip(METRICS, panels.flat, strict=True):
        _panel(ax, table[table["metric"] == metric])
        ax.set_ylabel(AXIS_LABELS[metric])
    for ax in panels[-1]:
        ax.set_xlabel(AXIS_LABELS["length"])
    legend_below(figure, panels[0][0], columns=2)
    return figure


def _panel(ax: Axes, table: pd.DataFrame) -> None:
    sizes = embedding_sizes(table)
    colours = palette(sizes)
    inverted = final(of_inverter(table))
    lengths = sorted(table["length"].unique())
    for index, (reduction, dim) in enumerate(sizes):
        line = inverted.query("reduction == @reduction and dim == @dim")
        label = f"inverter, {dimension_label(reduction, dim)}"
        style = {"marker": nth(MARKERS, index), "linestyle": nth(LINES, index)}
        style["color"] = colours[reduction, dim]
        errorbar(ax, line, "length", at=lengths, label=label, **style)
    reduction, dim = sizes[-1]
    for baseline, style in BASELINE_STYLES.items():
        line = final(
            table.query("baseline == @baseline and reduction == @reduction and dim == @dim")
        )
        errorbar(ax, line, "length", label=BASELINE_NAMES[baseline], **style)
    octaves(ax, lengths)
    ax.set_ylim(bottom=min(0.0, table["low"].min()))
