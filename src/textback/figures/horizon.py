"""How long a text may be: the length of 50% exact match, and the exact horizon, by dimension."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from textback.figures import Tables
from textback.figures.select import final, leading, of_inverter
from textback.figures.style import (
    AXIS_LABELS,
    GREY,
    MARKERS,
    WIDTH,
    errorbar,
    narrow_octaves,
    note,
    nth,
    palette,
)
from textback.scaling.horizon import EXACT, Horizon, exact_horizon, half_length

PANELS = {
    "half": "L50: 50% are exact",
    "exact": f"exact horizon: at least {EXACT:.0%} are exact",
}
OUTSIDE = {"above": ("^", "{} tokens or more"), "below": ("v", "less than {} tokens")}
SPREAD = 1.06  # side by side, so that embedders of one size do not hide each other


def draw(tables: Tables) -> Figure:
    """Left L50, right the exact horizon; a line an embedder, open arrows for what lies outside."""
    table, said = leading(of_inverter(tables.measurements), "inverter", "reduction")
    shown = final(table[table["metric"] == "exact_match"])
    found = horizons(shown)
    lengths = sorted(shown["length"].unique())
    colours = palette(list(found["embedder"].unique()), "viridis")
    figure, panels = plt.subplots(
        1, 2, figsize=(WIDTH, 3.8), sharey=True, sharex=True, layout="constrained"
    )
    for (kind, label), ax in zip(PANELS.items(), panels, strict=True):
        for index, (embedder, colour) in enumerate(colours.items()):
            own = found[(found["embedder"] == embedder) & (found["kind"] == kind)]
            shift = SPREAD ** (index - (len(colours) - 1) / 2)
            _line(ax, own.assign(x=own["dim"] * shift), colour, nth(MARKERS, index))
        narrow_octaves(ax, sorted(found["dim"].unique()))
        _octaves_up(ax, lengths)
        ax.set_xlabel(AXIS_LABELS["dim"])
        ax.set_title(label, loc="left", fontweight="bold", fontsize=9)
    panels[0].set_ylabel(AXIS_LABELS["length"])
    note(figure, said)
    handles = [
        Line2D([], [], color=colour, marker=nth(MARKERS, i), markersize=5, label=embedder)
        for i, (embedder, colour) in enumerate(colours.items())
    ]
    style = {"color": GREY, "linestyle": "", "markerfacecolor": "white", "markersize": 6}
    for side, (arrow, words) in OUTSIDE.items():
        there = found.loc[found["outside"] == side, "value"]
        if len(there):
            label = words.format(int(there.iloc[0]))
            handles.append(Line2D([], [], marker=arrow, label=label, **style))
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def horizons(shown: pd.DataFrame) -> pd.DataFrame:
    """Both horizons of each embedder and size: a row each, `kind` `half` or `exact`.

    shown: exact match, a row an embedder, size and length
    """
    rows = []
    for (embedder, reduction, dim), own in shown.groupby(
        ["embedder", "reduction", "dim"], sort=False
    ):
        own = own.sort_values("length")
        arrays = [own[column].to_numpy(float) for column in ("length", "value", "low", "high")]
        n = int(own["n"].min())
        found = {"half": half_length(*arrays, n), "exact": exact_horizon(*arrays)}
        where = {"embedder": embedder, "reduction": reduction, "dim": dim}
        rows += [where | {"kind": kind} | vars(one) for kind, one in found.items()]
    return pd.DataFrame(rows, columns=["embedder", "reduction", "dim", "kind", *_FIELDS])


_FIELDS = list(Horizon.__dataclass_fields__)


def _line(ax: Axes, own: pd.DataFrame, colour: object, marker: object) -> None:
    """A line through what lies inside; an open arrow at the edge for what lies outside."""
    inside = own.assign(value=own["value"].where(own["outside"] == "", np.nan))
    errorbar(ax, inside, "x", color=colour, marker=marker)
    for side, (arrow, _) in OUTSIDE.items():
        there = own[own["outside"] == side]
        style = {"color": colour, "markerfacecolor": "white", "markersize": 6}
        ax.plot(there["x"], there["value"], marker=arrow, linestyle="", **style)


def _octaves_up(ax: Axes, lengths: list[int]) -> None:
    ax.set_yscale("log", base=2)
    ax.set_yticks(lengths, [str(length) for length in lengths])
    ax.minorticks_off()
    ax.set_ylim(lengths[0] / 1.4, lengths[-1] * 1.4)
