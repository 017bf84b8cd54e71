"""Measures by embedding size, a line a text length, after the last round of the widest beam."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from textback.config import FIGURES
from textback.counted import counted
from textback.figures import Tables
from textback.figures.measures import finish, panels_of
from textback.figures.select import effort_of_each, final, leading, of_inverter
from textback.figures.style import (
    BASELINE_NAMES,
    BASELINE_STYLES,
    LINES,
    MARKERS,
    errorbar,
    narrow_octaves,
    note,
    nth,
    octaves,
    palette,
    y_from_zero,
)

METRICS = FIGURES["by_dimension"].metrics


def draw(tables: Tables) -> Figure:
    """A panel a metric, a row of them an embedder; the baselines are those of the shortest texts.

    Of no other texts do baselines reach as high.
    """
    table, said = leading(tables.measurements, "inverter", "reduction")
    panels = panels_of(table["embedder"].unique(), METRICS, "dim")
    for embedder, metric, ax in panels.each():
        own = table[(table["metric"] == metric) & (table["embedder"] == embedder)]
        _panel(ax, own)
        along = narrow_octaves if panels.narrow else octaves
        along(ax, sorted(table["dim"].unique()))
    note(panels.figure, said, effort_of_each(table))
    finish(panels, columns=3)
    return panels.figure


def _panel(ax: Axes, table: pd.DataFrame) -> None:
    lengths = sorted(table["length"].unique())
    colours = palette(lengths, "magma")  # not the one of embedding sizes
    inverted = final(of_inverter(table))
    for index, (length, colour) in enumerate(colours.items()):
        line = inverted[inverted["length"] == length]
        style = {"marker": nth(MARKERS, index), "linestyle": nth(LINES, index)}
        errorbar(ax, line, "dim", color=colour, label=counted(length, "token"), **style)
    for baseline, style in BASELINE_STYLES.items():
        own = table[(table["baseline"] == baseline) & (table["length"] == lengths[0])]
        label = f"{BASELINE_NAMES[baseline]}, {counted(lengths[0], 'token')}"
        errorbar(ax, final(own), "dim", label=label, **style)
    y_from_zero(ax, table)
