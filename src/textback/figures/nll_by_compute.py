"""Validation NLL by training FLOPs of the hypothesizers, a line an inverter."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from textback.counted import counted
from textback.figures import Tables
from textback.figures.select import embedding_sizes, leading, spread
from textback.figures.style import GREY, LINES, MARKERS, WIDTH, note, nth, palette

COLUMNS = 4  # lengths
NATS = np.log(2)  # a bit


def draw(tables: Tables) -> Figure:
    """A column of panels a length, at the largest embedding size and below at the smallest.

    Seeds are one line, with a band from the least to the greatest; the level line is what the null
    model, which sees no embedding, ends at.
    """
    trained = tables.histories.query("model == 'hypothesizer'")
    trained, said = leading(trained, "embedder", "reduction")
    null = tables.histories.query("model == 'null_model'")
    sizes = embedding_sizes(trained)
    shown = sizes[::-1] if len(sizes) < 3 else [sizes[-1], sizes[0]]
    lengths = spread(trained["length"], COLUMNS)
    looks = _looks(trained)
    figure, panels = plt.subplots(
        len(shown),
        len(lengths),
        figsize=(WIDTH, 2.3 * len(shown) + 0.9),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for (reduction, dim), row in zip(shown, panels, strict=True):
        of_size = trained[(trained["reduction"] == reduction) & (trained["dim"] == dim)]
        for length, ax in zip(lengths, row, strict=True):
            _panel(ax, of_size[of_size["length"] == length], null[null["length"] == length], looks)
        row[0].set_ylabel(f"NLL (bits a token),\n{counted(dim, 'dimension')}", fontsize=8)
    for length, ax in zip(lengths, panels[0], strict=True):
        ax.set_title(counted(length, "token"), loc="left", fontweight="bold", fontsize=9)
    for ax in panels[-1]:
        ax.set_xlabel("training FLOPs")
    note(figure, said)
    handles = [
        Line2D([], [], label=inverter, markersize=3.5, **style) for inverter, style in looks.items()
    ]
    handles += [Line2D([], [], color=GREY, linestyle=":", label="null model, at its end")]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def _looks(trained: pd.DataFrame) -> dict[str, dict[str, object]]:
    """Of each inverter, the one of most FLOPs first."""
    order = trained.groupby("inverter")["flops"].max().sort_values(ascending=False).index
    colours = palette(list(order), "viridis")
    return {
        name: {"color": colours[name], "marker": nth(MARKERS, i), "linestyle": nth(LINES, i)}
        for i, name in enumerate(order)
    }


def _panel(
    ax: Axes, trained: pd.DataFrame, null: pd.DataFrame, looks: dict[str, dict[str, object]]
) -> None:
    for inverter, style in looks.items():
        own = trained[trained["inverter"] == inverter]
        by_row = (own["validation_nll"] / NATS).groupby(own["examples"])
        flops = own.groupby("examples")["flops"].mean()
        ax.plot(flops, by_row.mean(), markersize=2.5, linewidth=1.2, **style)
        ax.fill_between(
            flops, by_row.min(), by_row.max(), color=style["color"], alpha=0.2, linewidth=0
        )
    if len(null):
        ends = null.loc[null.groupby(["inverter", "seed"])["flops"].idxmax(), "validation_nll"]
        ax.axhline(ends.min() / NATS, color=GREY, linestyle=":", linewidth=1.2)
    ax.set_xscale("log")
    ax.tick_params(labelsize=7)
    ax.set_ylim(bottom=0)
