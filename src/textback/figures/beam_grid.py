"""Exact match by correction round, a line a kind of search and beam."""

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from textback.config import FIGURES
from textback.figures import Tables, overlay
from textback.figures.select import undisturbed, varied
from textback.figures.settings import ATTACK, NothingToShow, beside, measured, title
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

(METRIC,) = FIGURES["beam_grid"].metrics
FIGURE = "beam_grid"
NAMES = {
    "elitist": "elitist",
    "elitist-no-edits": "elitist, no edits",
    "paper": "ranked by cosine",
    "paper-likelihood": "ranked by likelihood",
    "paper-one-parent": "token beam, one parent",
}


def draw(tables: Tables) -> Figure:
    """A panel for each attack with several kinds of search."""
    table = undisturbed(measured(tables)).query("metric == @METRIC")
    table = table[table["search"].isin(NAMES)]
    found = varied(table, "search", ATTACK)
    if not found:
        raise NothingToShow("beam_grid")
    figure, panels = plt.subplots(
        1, len(found), figsize=(WIDTH, 4.2), squeeze=False, layout="constrained"
    )
    pairs = overlay.chosen(tables.published, METRIC, FIGURE)
    for rows, ax in zip(found, panels[0], strict=True):
        efforts = rows[["search", "beam"]].drop_duplicates().sort_values(["beam", "search"])
        colours = palette(list(efforts.itertuples(index=False)), "viridis")
        for index, effort in enumerate(efforts.itertuples(index=False)):
            search, beam = effort
            line = rows.query("search == @search and beam == @beam")
            style = {"marker": nth(MARKERS, index), "linestyle": nth(LINES, index)}
            name = f"{NAMES[search]}, beam {beam}"
            errorbar(ax, line, "round", color=colours[effort], label=name, **style)
        overlay.lines(ax, beside(pairs, rows), "round")
        ax.set_title(title(rows), loc="left", fontweight="bold")
        ax.set_xlabel(AXIS_LABELS["round"])
        ax.set_ylim(bottom=0)
    panels[0][0].set_ylabel(AXIS_LABELS[METRIC])
    legend_of_all(figure)
    return figure
