"""Recall of names, numbers and rare words beside that of all words: a panel a length.

Of the study's first part with texts of its own; where it has several corpora, embedders or
inverters, a panel each.
"""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from textback.figures import Tables
from textback.figures.select import (
    combinations,
    effort,
    embedding_sizes,
    final,
    of_inverter,
    of_size,
)
from textback.figures.style import (
    BASELINE_NAMES,
    BASELINE_STYLES,
    errorbar,
    grid,
    legend_below,
    note,
    size_styles,
)

KINDS = {
    "word_recall": "all words",
    "rare_word_recall": "rare words",
    "name_recall": "names",
    "number_recall": "numbers",
}
COLUMNS = 2  # of panels, at most
BREADTH = 0.6  # of a kind's points side by side, of the room between two kinds


def draw(tables: Tables) -> Figure:
    """After the last round with the widest beam: a colour a size, baselines at the largest."""
    table = tables.measurements
    shown = combinations(table[table["metric"].isin(KINDS)])
    figure, panels = grid(len(shown), COLUMNS, height=2.6, sharey=True)
    styles = size_styles(embedding_sizes(pd.concat(shown.values())))
    for (name, recalls), ax in zip(shown.items(), panels.flat, strict=False):
        _panel(ax, recalls, styles)
        ax.set_title(name, loc="left", fontweight="bold")
    for row in panels:
        row[0].set_ylabel("recall (share of them, 0–1)")
    panels[0][0].set_ylim(-0.02, 1.02)
    note(figure, effort(final(of_inverter(recalls)) for recalls in shown.values()))
    legend_below(figure, panels[0][0], columns=2)
    return figure


def _panel(ax: Axes, table: pd.DataFrame, styles: dict[tuple[str, int], dict]) -> None:
    """Below each kind: how many texts have any; one that none has is left out."""
    inverted = final(of_inverter(table))
    series = [(of_size(inverted, size), style) for size, style in styles.items()]
    largest = of_size(table, embedding_sizes(table)[-1])
    for baseline, style in BASELINE_STYLES.items():
        found = final(largest[largest["baseline"] == baseline])
        series.append((found, style | {"label": BASELINE_NAMES[baseline]}))
    kinds = [kind for kind in KINDS if kind in set(table["metric"])]
    for number, (frame, style) in enumerate(series):
        beside = BREADTH * (number / (len(series) - 1) - 0.5)
        frame = frame.assign(x=frame["metric"].map(kinds.index) + beside)
        errorbar(ax, frame, "x", **(style | {"linestyle": "none"}))
    texts = final(of_inverter(largest)).set_index("metric")["n"]
    ax.set_xticks(range(len(kinds)), [f"{KINDS[kind]}\n(n = {texts[kind]})" for kind in kinds])
    ax.set_xlim(-0.5, len(kinds) - 0.5)
    ax.grid(False, axis="x")
