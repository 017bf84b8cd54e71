"""Heat maps of length × dimension: what is recovered of each cell, and which cells are missing."""

import textwrap
from itertools import product

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from textback.counted import counted
from textback.figures import Tables
from textback.figures.measures import SHORT_LABELS
from textback.figures.select import (
    effort_of_each,
    embedding_sizes,
    final,
    leading,
    of_inverter,
    recovered_share,
)
from textback.figures.style import GREY, WIDTH, note

COLORMAP = "cividis"
METRICS = {"exact_match": (1.0, ".2f"), "bleu": (100.0, ".0f"), "recovered_share": (1.0, ".2f")}
MISSING = {"facecolor": "white", "edgecolor": GREY, "hatch": "////", "linewidth": 0}
ROW = 0.24  # inches a length
LEAST = 5  # lengths' worth of height
LINE = 130  # characters of the words below
DARK = 0.55  # of the scale: darker cells are written on in white
ALL_LISTED = 12  # missing cells; of more, the first and how many others


def draw(tables: Tables) -> Figure:
    """A column of maps a measure, a row an embedder: length down, dimension across."""
    table, said = leading(of_inverter(tables.measurements), "inverter", "reduction")
    table = recovered_share(table)
    embedders = list(table["embedder"].unique())
    lengths = sorted(table["length"].unique())
    figure, panels = plt.subplots(
        len(embedders),
        len(METRICS),
        figsize=(WIDTH, len(embedders) * (ROW * max(LEAST, len(lengths)) + 0.75) + 0.9),
        squeeze=False,
        layout="constrained",
    )
    missing = []
    for embedder, row in zip(embedders, panels, strict=True):
        own = table[table["embedder"] == embedder]
        for metric, ax in zip(METRICS, row, strict=True):
            values = _values(final(own[own["metric"] == metric]), _sizes(own, table), lengths)
            _map(ax, values, metric)
            if metric == "exact_match":
                name = f"{embedder}, " if len(embedders) > 1 else ""
                missing += [f"{name}{cell}" for cell in _missing(values)]
        row[0].set_ylabel("text length (tokens)")
        if len(embedders) > 1:
            row[0].set_title(embedder, loc="left", fontweight="bold", fontsize=9)
    for ax in panels[-1]:
        ax.set_xlabel("dimensions")
    for (metric, (top, _)), column in zip(METRICS.items(), panels.T, strict=True):
        scale = plt.cm.ScalarMappable(Normalize(0, top), COLORMAP)
        figure.colorbar(
            scale, ax=column, location="bottom", label=SHORT_LABELS[metric], aspect=30, pad=0.02
        )
    note(figure, said, effort_of_each(table))
    if missing:
        figure.supxlabel(
            textwrap.fill(_listed(missing), LINE), x=0.01, ha="left", fontsize=7, color="0.2"
        )
    return figure


def _sizes(own: pd.DataFrame, table: pd.DataFrame) -> list[tuple[str, int]]:
    """An embedder's own embedding sizes, and those to which any other is reduced."""
    reduced = table[table["reduction"] != "native"]
    return embedding_sizes(pd.concat([own, reduced]))


def _values(shown: pd.DataFrame, sizes: list[tuple[str, int]], lengths: list[int]) -> pd.DataFrame:
    """A row a length, a column an embedding size; not a number where a cell is missing."""
    found = shown.set_index(["length", "reduction", "dim"])["value"]
    rows = [[found.get((length, *size), np.nan) for size in sizes] for length in lengths]
    return pd.DataFrame(rows, index=lengths, columns=pd.MultiIndex.from_tuples(sizes))


def _map(ax: Axes, values: pd.DataFrame, metric: str) -> None:
    top, digits = METRICS[metric]
    ax.imshow(values, cmap=COLORMAP, vmin=0, vmax=top, aspect="auto")
    for (i, j), value in np.ndenumerate(values.to_numpy(float)):
        if np.isnan(value):
            ax.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, **MISSING))
            continue
        colour = "white" if value < DARK * top else "black"
        ax.text(j, i, f"{value:{digits}}", ha="center", va="center", fontsize=6, color=colour)
    sizes = [f"{dim}" for _, dim in values.columns]
    ax.set_xticks(range(values.shape[1]), sizes, fontsize=7)
    ax.set_yticks(range(values.shape[0]), values.index, fontsize=7)
    ax.grid(False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)


def _missing(values: pd.DataFrame) -> list[str]:
    lacks = product(values.index, values.columns)
    return [
        f"{counted(length, 'token')} × {dim} ({reduction})"
        for length, (reduction, dim) in lacks
        if np.isnan(values.loc[length, (reduction, dim)])
    ]


def _listed(missing: list[str]) -> str:
    rest = len(missing) - ALL_LISTED
    listed = missing if rest <= 0 else [*missing[:ALL_LISTED], f"and {counted(rest, 'other')}"]
    return f"Hatched, not measured: {'; '.join(listed)}."
