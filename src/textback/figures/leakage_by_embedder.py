"""What leaks of each embedder at equal length and dimension: a line an embedder."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from textback.figures import Tables
from textback.figures.embedders import Looks, legend, looks_of
from textback.figures.measures import columns_of
from textback.figures.select import (
    effort_of_all,
    final,
    leading,
    of_inverter,
    recovered_share,
    spread,
)
from textback.figures.style import errorbar, narrow_octaves, note, y_from_zero

METRICS = {
    "exact_match": "exact match (share)",
    "bleu": "BLEU (0–100)",
    "recovered_share": "recovered share of bits",
}
COLUMNS = 4  # lengths; of more, these from the shortest to the longest
SPREAD = 1.04  # side by side, so that intervals at one size do not hide each other


def draw(tables: Tables) -> Figure:
    """A row of panels a metric, a column a length; the embedding size along each."""
    table, said = leading(of_inverter(tables.measurements), "inverter", "reduction")
    table = recovered_share(table)
    lengths = spread(table["length"], COLUMNS)
    looks = looks_of(table)
    figure, panels = columns_of(METRICS, lengths)
    for metric, row in zip(METRICS, panels, strict=True):
        shown = final(table[table["metric"] == metric])
        for length, ax in zip(lengths, row, strict=True):
            _panel(ax, shown[shown["length"] == length], looks)
        y_from_zero(row[0], shown)
    narrow_octaves(panels[0][0], sorted(table["dim"].unique()))
    note(figure, said, effort_of_all(table))
    legend(figure, looks)
    return figure


def _panel(ax: Axes, table: pd.DataFrame, looks: Looks) -> None:
    middle = (len(looks.embedders) - 1) / 2
    for index, (embedder, colour_and_marker) in enumerate(looks.embedders.items()):
        own = table[table["embedder"] == embedder]
        own = own.assign(x=own["dim"] * SPREAD ** (index - middle))
        for kind, line in looks.reductions.items():
            joined = own[own["reduction"].isin([kind, "native"])]
            errorbar(ax, joined, "x", linestyle=line, **colour_and_marker)
