"""Errors by word frequency: the share of words that come back, a line a length.

After Figure 6 of Morris et al. 2023. Of the study's first part with texts of its own; where it has
several corpora, embedders or inverters, a line each.
"""

from collections.abc import Iterable

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from textback.figures import Tables
from textback.figures.select import combinations, effort, embedding_sizes, final, of_inverter
from textback.figures.style import (
    BASELINE_NAMES,
    LINES,
    MARKERS,
    WIDTH,
    dimension_label,
    errorbar,
    legend_below,
    note,
    nth,
    palette,
)
from textback.word_errors import EDGES

NAMES = ("never", "below 1", "1–10", "10–100", "100–1,000", "1,000–10,000", "above 10,000")
PANELS = {"": "inverter"} | BASELINE_NAMES


def draw(tables: Tables) -> Figure:
    """A panel for the inverter (last round, widest beam, largest size) and each baseline."""
    lines = {name: _largest(rows) for name, rows in combinations(tables.word_errors).items()}
    colours = palette(list(lines), "magma")
    figure, panels = plt.subplots(
        1, len(PANELS), figsize=(WIDTH, 3.6), sharey=True, layout="constrained"
    )
    for (baseline, title), ax in zip(PANELS.items(), panels, strict=True):
        for index, (name, rows) in enumerate(lines.items()):
            own = final(rows[rows["baseline"] == baseline])
            own = own.assign(x=own["from_per_million"].map(EDGES.index))
            style = {"color": colours[name], "marker": nth(MARKERS, index)}
            errorbar(ax, own, "x", linestyle=nth(LINES, index), label=name, **style)
        ax.set_title(title, loc="left", fontsize="medium")
        ax.set_xticks(range(len(EDGES)), NAMES, rotation=60, ha="right")
        ax.set_xlim(-0.4, len(EDGES) - 0.6)
    panels[0].set_ylabel("words that come back (share)")
    panels[0].set_ylim(-0.02, 1.02)
    panels[len(panels) // 2].set_xlabel("times in a million words of the training documents")
    note(
        figure, _sizes(lines.values()), effort(final(of_inverter(rows)) for rows in lines.values())
    )
    legend_below(figure, panels[0], columns=4)
    return figure


def _largest(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the largest embedding size."""
    reduction, dim = embedding_sizes(table)[-1]
    return table[(table["reduction"] == reduction) & (table["dim"] == dim)]


def _sizes(lines: Iterable[pd.DataFrame]) -> str:
    """The largest embedding sizes of the lines, in words."""
    sizes = {size for rows in lines for size in embedding_sizes(rows)}
    return " or ".join(dimension_label(*size) for size in sorted(sizes, key=lambda size: size[1]))
