"""Measures by correction round: a row of panels a length, a line a dimension and beam."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from textback.config import FIGURES
from textback.counted import counted
from textback.figures import Tables
from textback.figures.select import embedding_sizes, leading, of_inverter, of_size
from textback.figures.style import (
    AXIS_LABELS,
    BASELINE_NAMES,
    BASELINE_STYLES,
    LINES,
    WIDTH,
    errorbar,
    legend_below,
    note,
    nth,
    size_styles,
    y_from_zero,
)

METRICS = FIGURES["by_round"].metrics


def draw(tables: Tables) -> Figure:
    """A panel a length and metric; the baselines as level lines."""
    table, said = leading(tables.measurements, "embedder", "inverter")
    table = _corrected(table)
    lengths = sorted(table["length"].unique())
    styles = size_styles(embedding_sizes(table))
    figure, panels = plt.subplots(
        len(lengths),
        len(METRICS),
        figsize=(WIDTH, 2.3 * len(lengths) + 0.9),
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    for length, row in zip(lengths, panels, strict=True):
        for metric, ax in zip(METRICS, row, strict=True):
            _panel(ax, table.query("length == @length and metric == @metric"), styles)
            ax.set_ylabel(AXIS_LABELS[metric])
        row[0].set_title(counted(length, "token"), loc="left", fontweight="bold")
    for ax in panels[-1]:
        ax.set_xlabel(AXIS_LABELS["round"])
    note(figure, said)
    legend_below(figure, panels[0][0], columns=2)
    return figure


def _corrected(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of cells that have rounds at all; of all cells where none has."""
    sizes = ["length", "reduction", "dim"]
    corrected = table.loc[table["round"] > 0, sizes].drop_duplicates()
    return table.merge(corrected, on=sizes) if len(corrected) else table


def _panel(ax: Axes, table: pd.DataFrame, styles: dict[tuple[str, int], dict]) -> None:
    """Colour and marker tell the embedding size, the kind of line tells the beam.

    Markers of other beams than the widest are hollow.
    """
    inverted = of_inverter(table)
    beams = sorted(inverted["beam"].unique(), reverse=True)
    last = int(table["round"].max())
    for size, style in styles.items():
        for index, beam in enumerate(beams):
            line = of_size(inverted[inverted["beam"] == beam], size)
            own = {"linestyle": nth(LINES, index), "label": f"{style['label']}, beam {beam}"}
            hollow = {"markerfacecolor": "white"} if index else {}
            errorbar(ax, line, "round", **(style | own | hollow))
    largest = of_size(table, embedding_sizes(table)[-1])
    for baseline, style in BASELINE_STYLES.items():
        found = largest[largest["baseline"] == baseline].nlargest(1, ["round", "beam"])
        for value, low, high in found[["value", "low", "high"]].itertuples(index=False):
            ax.axhspan(low, high, color=style["color"], alpha=0.2, linewidth=0)
            ax.plot(
                [0, last],
                [value, value],
                **(style | {"marker": ""}),
                linewidth=1.2,
                label=BASELINE_NAMES[baseline],
            )
    ax.set_xlim(-0.4, last + 0.4)
    y_from_zero(ax, table)
