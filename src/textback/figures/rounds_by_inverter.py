"""BLEU and exact match by correction round, a line an inverter: with and without feedback."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from textback.config import FIGURES
from textback.figures import Tables, overlay
from textback.figures.select import undisturbed, varied
from textback.figures.settings import CELL, NothingToShow, beside, measured, title
from textback.figures.style import (
    AXIS_LABELS,
    LINES,
    MARKERS,
    WIDTH,
    errorbar,
    legend_of_all,
    nth,
    palette,
)

METRICS = FIGURES["rounds_by_inverter"].metrics
PUBLISHED = "rounds_feedback"


def draw(tables: Tables) -> Figure:
    """A row of panels for each setting in which two inverters correct."""
    table = undisturbed(measured(tables))
    table = table[table["metric"].isin(METRICS)]
    correct = table.loc[table["round"] > 0, "inverter"].unique()
    table = table[table["inverter"].isin(correct) & ~table["search"].str.contains("-from-")]
    found = varied(table, "inverter", [*CELL, "search"])
    if not found:
        raise NothingToShow("rounds_by_inverter")
    figure, panels = plt.subplots(
        len(found),
        len(METRICS),
        figsize=(WIDTH, 2.7 * len(found) + 0.9),
        squeeze=False,
        layout="constrained",
    )
    for rows, axes in zip(found, panels, strict=True):
        rows = rows[rows["beam"] == _narrowest(rows)]
        for metric, ax in zip(METRICS, axes, strict=True):
            own = rows[rows["metric"] == metric]
            inverters = list(own["inverter"].unique())
            colours = palette(inverters)
            for index, inverter in enumerate(inverters):
                line = own[own["inverter"] == inverter]
                style = {"marker": nth(MARKERS, index), "linestyle": nth(LINES, index)}
                errorbar(ax, line, "round", color=colours[inverter], label=inverter, **style)
            theirs = overlay.chosen(tables.published, metric, PUBLISHED)
            overlay.lines(ax, beside(theirs, rows), "round")
            ax.set(xlabel=AXIS_LABELS["round"], ylabel=AXIS_LABELS[metric])
            ax.set_ylim(bottom=0)
        axes[0].set_title(title(rows), loc="left", fontweight="bold")
    legend_of_all(figure)
    return figure


def _narrowest(rows: pd.DataFrame) -> int:
    """The narrowest beam that most inverters have."""
    inverters = rows.groupby("beam")["inverter"].nunique()
    return int(inverters[inverters == inverters.max()].index.min())
