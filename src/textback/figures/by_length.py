"""Measures by text length, a line a dimension, after the last round of the widest beam."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from textback.config import FIGURES
from textback.figures import Tables
from textback.figures.measures import finish, panels_of
from textback.figures.select import embedding_sizes, final, leading, of_inverter
from textback.figures.style import (
    BASELINE_NAMES,
    BASELINE_STYLES,
    LINES,
    MARKERS,
    dimension_label,
    errorbar,
    note,
    nth,
    octaves,
    palette,
)

METRICS = FIGURES["by_length"].metrics


def draw(tables: Tables) -> Figure:
    """A panel a metric, a row of them an embedder; the baselines beside the inverter's lines."""
    table, said = leading(tables.measurements, "inverter", "reduction")
    panels = panels_of(table["embedder"].unique(), METRICS, "length")
    for embedder, metric, ax in panels.each():
        _panel(ax, table[(table["metric"] == metric) & (table["embedder"] == embedder)])
    note(panels.figure, said)
    finish(panels, columns=2 if table["dim"].nunique() < 4 else 3)
    return panels.figure


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
