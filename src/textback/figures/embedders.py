"""How figures that compare embedders tell them apart."""

from dataclasses import dataclass

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from textback.figures.style import GREY, LINES, MARKERS, nth, palette


@dataclass(frozen=True)
class Looks:
    """The colour and marker of each embedder, and the line of each kind of reduction."""

    embedders: dict[str, dict[str, object]]
    reductions: dict[str, object]


def looks_of(table: pd.DataFrame) -> Looks:
    """The looks of a table's embedders and reductions; `native` has a line only where alone."""
    embedders = list(table["embedder"].unique())
    colours = palette(embedders, "viridis")  # not the one of embedding sizes
    reductions = [kind for kind in table["reduction"].unique() if kind != "native"]
    return Looks(
        {
            name: {"color": colours[name], "marker": nth(MARKERS, i)}
            for i, name in enumerate(embedders)
        },
        {kind: nth(LINES, i) for i, kind in enumerate(reductions or ["native"])},
    )


def legend(figure: Figure, looks: Looks, *others: Artist) -> None:
    """The embedders, the kinds of reduction where there are several, and others."""
    handles = [
        Line2D([], [], label=embedder, markersize=5, **style)
        for embedder, style in looks.embedders.items()
    ]
    if len(looks.reductions) > 1:
        handles += [
            Line2D([], [], label=kind, color=GREY, linestyle=line)
            for kind, line in looks.reductions.items()
        ]
    handles += others
    columns = -(-len(handles) // -(-len(handles) // 5))  # rows of at most five, evenly filled
    figure.legend(handles=handles, loc="outside lower center", ncols=columns)
