"""What leaks of each embedder at equal length and dimension: a line an embedder."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from textback.figures import Tables
from textback.figures.embedders import Looks, legend, looks_of
from textback.figures.select import final, of_inverter
from textback.figures.style import WIDTH, errorbar, octaves

METRICS = {
    "exact_match": "exact match (share)",
    "bleu": "BLEU (0–100)",
    "unrecovered_fraction": "recovered share of bits",
}
APART = 1.5  # two sizes with room for a label each; 384 and 512 have not
SPREAD = 1.04  # side by side, so that intervals at one size do not hide each other


def draw(tables: Tables) -> Figure:
    """A row of panels a metric, a column a length; the embedding size along each."""
    table = _recovered(of_inverter(tables.measurements))
    lengths = sorted(table["length"].unique())
    looks = looks_of(table)
    figure, panels = plt.subplots(
        len(METRICS),
        len(lengths),
        figsize=(WIDTH, 1.9 * len(METRICS) + 0.8),
        sharex=True,
        sharey="row",
        squeeze=False,
        layout="constrained",
    )
    for (metric, label), row in zip(METRICS.items(), panels, strict=True):
        shown = final(table[table["metric"] == metric])
        for length, ax in zip(lengths, row, strict=True):
            _panel(ax, shown[shown["length"] == length], looks)
        row[0].set_ylabel(label)
        row[0].set_ylim(bottom=min(0.0, shown["low"].min()))
    for length, ax in zip(lengths, panels[0], strict=True):
        ax.set_title(f"{length} tokens", loc="left", fontweight="bold")
        _sizes(ax, sorted(table["dim"].unique()))
    for ax in panels[-1]:
        ax.set_xlabel("dimensions")
    legend(figure, looks)
    return figure


def _recovered(table: pd.DataFrame) -> pd.DataFrame:
    """The table with what is recovered of the bits instead of what is not, 0 … 1."""
    rest = table["metric"] == "unrecovered_fraction"
    turned = 1 - table.loc[rest, ["value", "high", "low"]].to_numpy()
    table = table.copy()
    table.loc[rest, ["value", "low", "high"]] = turned
    return table


def _sizes(ax: Axes, sizes: list[int]) -> None:
    """The embedding sizes along a narrow panel: of two with no room for both, the first."""
    octaves(ax, sizes)
    shown = sizes[:1]
    for size in sizes[1:]:
        if size >= APART * shown[-1]:
            shown.append(size)
    ax.set_xticks(shown, [str(size) for size in shown])


def _panel(ax: Axes, table: pd.DataFrame, looks: Looks) -> None:
    middle = (len(looks.embedders) - 1) / 2
    for index, (embedder, colour_and_marker) in enumerate(looks.embedders.items()):
        own = table[table["embedder"] == embedder]
        own = own.assign(x=own["dim"] * SPREAD ** (index - middle))
        for kind, line in looks.reductions.items():
            joined = own[own["reduction"].isin([kind, "native"])]
            errorbar(ax, joined, "x", linestyle=line, **colour_and_marker)
