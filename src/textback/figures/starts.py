"""Recovery by where round 0 comes from, a row a start: does the first hypothesis matter?"""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from textback.config import FIGURES
from textback.figures import Tables, overlay
from textback.figures.select import undisturbed, varied
from textback.figures.settings import ATTACK, NothingToShow, beside, comparable, measured, title
from textback.figures.style import AXIS_LABELS, OURS, WIDTH, around, legend_of_all

METRICS = FIGURES["starts"].metrics
FIGURE = "init_ablation"
NAMES = {
    "hypothesizer": "the hypothesizer's guess",
    "beam": "the hypothesizer's best of a token beam",
    "nucleus": "a sample of the hypothesizer",
    "random": "random tokens",
    "the": "“the”, repeated",
    "unrelated": "another text",
}


def draw(tables: Tables) -> Figure:
    """A block of panels for each attack with several starts, after the same rounds."""
    table = with_starts(undisturbed(measured(tables)))
    pairs = overlay.chosen(tables.published, "exact_match", FIGURE)
    several = varied(table[table["round"] > 0], "start", ATTACK)
    found = [comparable(rows, "start", pairs) for rows in several]
    if not found:
        raise NothingToShow("starts")
    figure, panels = plt.subplots(
        len(found),
        len(METRICS),
        figsize=(WIDTH, sum(0.3 * rows["start"].nunique() + 1.2 for rows in found) + 0.3),
        squeeze=False,
        layout="constrained",
    )
    for rows, axes in zip(found, panels, strict=True):
        starts = [start for start in NAMES if start in set(rows["start"])]
        theirs = with_starts(beside(pairs, rows))
        for metric, ax in zip(METRICS, axes, strict=True):
            own = rows[rows["metric"] == metric].set_index("start").loc[starts].reset_index()
            ax.errorbar(
                own["value"],
                own.index,
                xerr=around(own["value"], own["low"], own["high"]),
                linestyle="none",
                label=f"ours, round {own['round'].iloc[0]}, beam {own['beam'].iloc[0]}",
                **OURS,
            )
            there = theirs[(theirs["metric"] == metric) & theirs["start"].isin(starts)]
            if len(there):
                places = there["start"].map(starts.index)
                overlay.points(ax, there["published"], places, "o", overlay.label(there))
            ax.set_yticks(own.index, [""] * len(own))
            ax.set_ylim(len(own) - 0.4, -0.6)
            ax.set_xlim(left=0)
            ax.set_xlabel(AXIS_LABELS[metric])
        axes[0].set_yticks(range(len(starts)), [NAMES[start] for start in starts])
        axes[0].set_title(title(rows), loc="left", fontweight="bold")
    legend_of_all(figure)
    return figure


def with_starts(table: pd.DataFrame) -> pd.DataFrame:
    """The table with its column `search` divided into the search itself and its `start`."""
    parts = [search.partition("-from-") for search in table["search"]]
    starts = [start or "hypothesizer" for _, _, start in parts]
    return table.assign(search=[search for search, _, _ in parts], start=starts)
