"""The law: unrecovered fraction by load with the best form, and every form on held-out cells."""

import textwrap
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from textback.counted import counted
from textback.errors import TextbackError
from textback.figures import Tables
from textback.figures.style import AXIS_LABELS, GREY, LINES, MARKERS, WIDTH, nth, palette
from textback.scaling.forms import FORMS, log_u
from textback.scaling.points import CELL
from textback.scaling.sample import Reference, places

SYMBOLS = {
    "half_load": "half load",
    "floor": "floor",
    "fall": "α",
    "steepness": "k",
    "dimension_exponent": "δ (dimension)",
    "compute_exponent": "β (compute)",
}
COLUMNS = 5  # of the legend
LINE = 122  # characters of the words below
SMALL = 6.5  # points


def draw(tables: Tables) -> Figure:
    """Left: a point a cell, seeds pooled, and the best form. Right: predicted against measured.

    Raises TextbackError where no law was fitted.
    """
    fits = tables.fits
    if not fits:
        raise TextbackError(
            "figure 'law': the study has no fits.json: run `textback fit --study` on its folder"
        )
    cells = pool(pd.json_normalize(fits["points"]))
    figure, panels = plt.subplot_mosaic(
        [["law", "test"], ["legend", "legend"], ["words", "words"]],
        figsize=(WIDTH, 5.2),
        height_ratios=[4, 0.5, 1],
        layout="constrained",
    )
    handles = _law(panels["law"], cells, fits)
    panels["legend"].axis("off")
    panels["legend"].legend(handles=handles, fontsize=SMALL, loc="center", ncols=COLUMNS)
    _test(panels["test"], cells[cells["held_out"]], fits)
    panels["words"].axis("off")
    lines = [part for text in words(fits) for part in textwrap.wrap(text, LINE)]
    panels["words"].text(0, 1, "\n".join(lines), va="top", fontsize=7, linespacing=1.4)
    return figure


def pool(points: pd.DataFrame) -> pd.DataFrame:
    """A row a cell: means over seeds, and an interval that covers every seed's."""
    ends = {"low": "min", "high": "max", "held_out": "first"}
    means = [column for column in points.columns if column not in (*CELL, "seed", *ends)]
    return points.groupby(CELL, as_index=False).agg(ends | dict.fromkeys(means, "mean"))


def words(fits: dict[str, Any]) -> list[str]:
    """The best form with its parameters, what was left out, and the verdict."""
    best = fits["forms"][fits["best"]]
    found = ", ".join(
        f"{SYMBOLS[name]} {one['value']:.3g} [{one['low']:.3g}, {one['high']:.3g}]"
        for name, one in best["parameters"].items()
    )
    lines = [
        f"{fits['best'].capitalize()}: u = 1 − (1 − floor)·r(x), {best['formula']}. {found} "
        f"(95% intervals; half load in bits a dimension)."
    ]
    lines += [f"Not fitted: {SYMBOLS[name]}, {why}." for name, why in fits["left_out"].items()]
    verdict = fits["verdict"]
    return [*lines, verdict[0].upper() + verdict[1:]]


def _law(ax: Axes, cells: pd.DataFrame, fits: dict[str, Any]) -> list[Line2D]:
    """The panel of the law; its legend's entries."""
    colours = palette(sorted(cells["dim"].unique()))
    markers = {n: nth(MARKERS, i) for i, n in enumerate(sorted(cells["length"].unique()))}
    budgets = cells.groupby("inverter")["compute"].mean().sort_values()
    lines = {name: nth(LINES, i) for i, name in enumerate(budgets.index)}
    for (dim, colour), (inverter, line) in product(colours.items(), lines.items()):
        of_line = cells[(cells["dim"] == dim) & (cells["inverter"] == inverter)]
        if len(of_line):
            x, u = _curve(of_line, fits)
            ax.plot(x, u, color=colour, linestyle=line, linewidth=1)
    for cell in cells.itertuples():
        ax.errorbar(
            cell.load,
            cell.u,
            yerr=[[max(0, cell.u - cell.low)], [max(0, cell.high - cell.u)]],
            marker=markers[cell.length],
            color=colours[cell.dim],
            markerfacecolor="white" if cell.held_out else colours[cell.dim],
            markersize=4.5,
            elinewidth=0.7,
        )
    ax.set(xscale="log", yscale="log")
    ax.set_xlabel("load ρ (bits of the text / dimension)")
    ax.set_ylabel(AXIS_LABELS["unrecovered_fraction"])
    _plain(ax)
    handles = [
        Line2D([], [], color=c, label=counted(dim, "dimension")) for dim, c in colours.items()
    ]
    handles += [_mark(marker, counted(n, "token")) for n, marker in markers.items()]
    handles += [_mark("o", "held out", markerfacecolor="white")]
    if len(lines) > 1:
        handles += [
            Line2D([], [], color=GREY, linestyle=line, label=f"{name} ({budgets[name]:.1e} FLOPs)")
            for name, line in lines.items()
        ]
    return handles


def _curve(of_line: pd.DataFrame, fits: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """The best form through the loads of one dimension and budget.

    Budgets counted in examples take more FLOPs for longer texts: these are those of each load.
    """
    of_line = of_line.sort_values("load")
    ends = np.log(of_line["load"].iloc[[0, -1]]) + np.array([-0.15, 0.15])
    x = np.exp(np.linspace(*ends, 200))
    compute = np.exp(np.interp(np.log(x), np.log(of_line["load"]), np.log(of_line["compute"])))
    dim = np.full_like(x, of_line["dim"].iloc[0])
    found = fits["forms"][fits["best"]]["parameters"]
    values = dict.fromkeys(fits["left_out"], 0.0) | {n: one["value"] for n, one in found.items()}
    where = places(x, dim, compute, Reference(**fits["reference"]))
    return x, np.exp(log_u(FORMS[fits["best"]], values, where)[0])


def _test(ax: Axes, held_out: pd.DataFrame, fits: dict[str, Any]) -> None:
    colours = palette(list(fits["forms"]), "viridis")
    for i, (name, colour) in enumerate(colours.items()):
        error = 100 * np.expm1(fits["forms"][name]["error_held_out"]["value"])
        style = {"marker": nth(MARKERS, i), "linestyle": "", "markersize": 4.5}
        label = f"{name}, off by {error:.1f}%"
        ax.plot(
            held_out["u"],
            held_out[f"predicted.{name}"],
            color=colour,
            markerfacecolor="none",
            label=label,
            **style,
        )
    ax.set(xscale="log", yscale="log")
    ends = held_out["u"].min() / 1.1, held_out["u"].max() * 1.1
    ax.plot(ends, ends, color=GREY, linestyle=":", linewidth=1.2, label="as measured", zorder=0)
    ax.set_xlabel("measured, held-out cells")
    ax.set_ylabel("predicted")
    _plain(ax)
    ax.legend(fontsize=SMALL, loc="upper left")


def _mark(marker: object, label: str, **style: object) -> Line2D:
    return Line2D(
        [], [], color=GREY, marker=marker, linestyle="", markersize=4.5, label=label, **style
    )


def _plain(ax: Axes) -> None:
    """Ticks at 1, 2 and 5 of every decade, written as plain numbers."""
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_formatter(NullFormatter())
    ax.minorticks_off()
