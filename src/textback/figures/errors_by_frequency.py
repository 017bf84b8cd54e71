"""Errors by word frequency: the share of words that come back, a line a length.

After Figure 6 of Morris et al. 2023.
"""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from textback.figures import Tables
from textback.figures.select import embedding_sizes, final
from textback.figures.style import (
    BASELINE_NAMES,
    LINES,
    MARKERS,
    WIDTH,
    errorbar,
    legend_below,
    nth,
    palette,
)
from textback.word_errors import EDGES

NAMES = ("never", "below 1", "1–10", "10–100", "100–1,000", "1,000–10,000", "above 10,000")
PANELS = {"": "inverter"} | BASELINE_NAMES


def draw(tables: Tables) -> Figure:
    """A panel for the inverter (last round, widest beam, largest size) and each baseline."""
    table = tables.word_errors
    reduction, dim = embedding_sizes(table)[-1]
    table = table.query("reduction == @reduction and dim == @dim")
    lengths = sorted(table["length"].unique())
    colours = palette(lengths, "magma")
    figure, panels = plt.subplots(
        1, len(PANELS), figsize=(WIDTH, 3.6), sharey=True, layout="constrained"
    )
    for (baseline, title), ax in zip(PANELS.items(), panels, strict=True):
        own = final(table[table["baseline"] == baseline])
        for index, length in enumerate(lengths):
            style = {"color": colours[length], "marker": nth(MARKERS, index)}
            style |= {"linestyle": nth(LINES, index), "label": f"{length} tokens"}
            _line(ax, own[own["length"] == length], **style)
        ax.set_title(title, loc="left", fontsize="medium")
        ax.set_xticks(range(len(EDGES)), NAMES, rotation=60, ha="right")
        ax.set_xlim(-0.4, len(EDGES) - 0.6)
    panels[0].set_ylabel("words that come back (share)")
    panels[0].set_ylim(-0.02, 1.02)
    panels[len(panels) // 2].set_xlabel("times in a million words of the training documents")
    legend_below(figure, panels[0], columns=min(len(lengths), 7))
    return figure


def _line(ax: Axes, table: pd.DataFrame, **style: object) -> None:
    """One length: a point a bin of the frequency."""
    errorbar(ax, table.assign(x=table["from_per_million"].map(EDGES.index)), "x", **style)
