"""One look for all figures: colour-blind-safe, told apart in grey by marker and line as well."""

import logging
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import font_manager
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from textback.counted import counted

FONT = "DejaVu Sans"
WIDTH = 7.0  # inches, a text column
MARKERS = "osD^vP*X"
LINES = ("-", "--", "-.", (0, (4, 1, 1, 1, 1, 1)))
GREY = "0.45"
APART = 1.6  # two values of a logarithmic axis with room for a label each; 256 and 384 have not

AXIS_LABELS = {
    "bleu": "BLEU (0–100)",
    "bleu_sentence": "sentence BLEU (0–100)",
    "exact_match": "exact match (share of texts)",
    "token_f1": "token F1 (0–1)",
    "token_f1_set": "token F1 of sets (0–1)",
    "cosine": "cosine to the target (−1–1)",
    "recovered_bits": "recovered information (bits a text)",
    "recovered_bits_per_token": "recovered information (bits a token)",
    "recovered_bits_per_dimension": "recovered information (bits a dimension)",
    "unrecovered_fraction": "unrecovered fraction of bits (0–1)",
    "round": "correction round",
    "length": "text length (tokens)",
    "ndcg_at_10": "nDCG@10 of retrieval",
    "dim": "embedding size (dimensions)",
}
LEAST_TOP = {  # of a y axis
    "bleu": 10.0,
    "bleu_sentence": 10.0,
    "exact_match": 0.1,
    "token_f1": 0.1,
}
OURS = {"color": "#00336e", "marker": "o", "markersize": 4, "capsize": 2, "elinewidth": 0.8}
BASELINE_NAMES = {"shuffled": "shuffled embeddings (null)", "nearest": "nearest training passage"}
BASELINE_STYLES = {
    "shuffled": {"color": "0.55", "linestyle": ":", "marker": "x"},
    "nearest": {"color": "0.25", "linestyle": (0, (5, 2)), "marker": "P"},
}


def apply_style() -> None:
    """Set matplotlib's defaults; text stays text, and output is the same bytes every time."""
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # fonts it goes without
    _use_own_font()
    sns.set_theme(style="ticks", context="paper", font=FONT)
    mpl.rcParams.update(
        {
            "svg.hashsalt": "textback",
            "svg.fonttype": "path",
            "pdf.fonttype": 42,
            "axes.grid": True,
            "grid.color": "0.9",
            "grid.linewidth": 0.6,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "legend.frameon": False,
            "figure.dpi": 150,
        }
    )


def _use_own_font() -> None:
    """Take the font from matplotlib, not another version of it that a system may have."""
    own = mpl.get_data_path()
    found = font_manager.fontManager.ttflist
    found[:] = [font for font in found if font.name != FONT or font.fname.startswith(own)]


def grid(number: int, columns: int, height: float, **style: bool) -> tuple[Figure, np.ndarray]:
    """A figure with so many panels, (rows, columns): at most `columns` side by side.

    height: of a row, in inches; those of the last row that are too many are blank
    """
    columns = min(columns, number)
    rows = -(-number // columns)
    size = WIDTH, height * rows + 0.7
    figure, panels = plt.subplots(
        rows, columns, figsize=size, squeeze=False, layout="constrained", **style
    )
    for ax in panels.flat[number:]:
        ax.axis("off")
    return figure, panels


def palette(
    values: Sequence[object], colormap: str = "cividis"
) -> dict[object, tuple[float, float, float, float]]:
    """A colour each, dark to light in their order (cividis is made for colour blindness)."""
    colours = mpl.colormaps[colormap](np.linspace(0.0, 0.78, len(values)))
    return dict(zip(values, map(tuple, colours), strict=True))


def size_styles(sizes: Sequence[tuple[str, int]]) -> dict[tuple[str, int], dict[str, object]]:
    """How each (reduction, dimension) is drawn and called, small to large: of a whole figure.

    One panel may have other sizes than the next, and still means the same by a colour.
    """
    styles = {}
    for index, (size, colour) in enumerate(palette(sizes).items()):
        kind = {"marker": nth(MARKERS, index), "linestyle": nth(LINES, index)}
        styles[size] = {"color": colour, "label": dimension_label(*size), **kind}
    return styles


def nth(kinds: Sequence, index: int) -> object:
    """The index-th of some markers or lines, from the start again after the last."""
    return kinds[index % len(kinds)]


def errorbar(
    ax: Axes, frame: pd.DataFrame, x: str, at: Sequence[int] | None = None, **style: object
) -> None:
    """A line of values by `x` with their 95% intervals.

    at: every x that the line should have; it is broken where a cell is missing
    """
    gaps = sorted(set(at or ()) - set(frame[x]))
    frame = pd.concat([frame, pd.DataFrame({x: gaps})]).sort_values(x)
    ax.errorbar(
        frame[x],
        frame["value"],
        yerr=around(frame["value"], frame["low"], frame["high"]),
        capsize=2,
        markersize=4.5,
        linewidth=1.3,
        elinewidth=0.8,
        **style,
    )


def around(value: pd.Series, low: pd.Series, high: pd.Series) -> list[pd.Series]:
    """How far an interval reaches below and above; rounding may make it end short of the value."""
    return [(value - low).clip(lower=0), (high - value).clip(lower=0)]


def y_from_zero(ax: Axes, table: pd.DataFrame) -> None:
    """Let the y axis begin at 0, or below where an interval does, and reach as high as it should.

    So where all values of a panel are near 0, their intervals do not fill it.
    """
    least = max((LEAST_TOP.get(metric, 0.0) for metric in table["metric"]), default=0.0)
    ax.set_ylim(min(0.0, table["low"].min()), max(least, ax.get_ylim()[1]))


def octaves(ax: Axes, values: Sequence[int]) -> None:
    """A logarithmic x axis whose ticks are exactly these values, with room at both ends."""
    ax.set_xscale("log", base=2)
    ax.set_xticks(values, [str(value) for value in values])
    ax.minorticks_off()
    ax.set_xlim(values[0] / 1.25, values[-1] * 1.25)


def narrow_octaves(ax: Axes, values: Sequence[int]) -> None:
    """The same on a narrow panel: of two values with no room for both labels, the first has one."""
    octaves(ax, values)
    shown = values[:1]
    for value in values[1:]:
        if value >= APART * shown[-1]:
            shown.append(value)
    ax.set_xticks(shown, [str(value) for value in shown])


def note(figure: Figure, *parts: str) -> None:
    """What all of the figure is of, above it; nothing where the parts are empty."""
    if text := ", ".join(filter(None, parts)):
        figure.suptitle(text, x=0.01, horizontalalignment="left", fontsize=8, color=GREY)


def mark_gaps(figure: Figure, cells: int) -> None:
    """Say above a figure that it is not all of the study."""
    words = f"Unfinished: no scores yet of {counted(cells, 'cell')} of the study"
    note(figure, ". ".join(filter(None, [figure.get_suptitle(), words])))


def legend_below(figure: Figure, ax: Axes, columns: int) -> None:
    """One legend for all panels, under them, in the order of one panel's lines."""
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=8)


def legend_of_all(figure: Figure, columns: int = 2) -> None:
    """One legend under all panels, with every label that any of them has, once."""
    found = {}
    for ax in figure.axes:
        handles, labels = ax.get_legend_handles_labels()
        found = dict(zip(labels, handles, strict=True)) | found
    figure.legend(found.values(), found, loc="outside lower center", ncols=columns)


def block_title(ax: Axes, text: str) -> None:
    """A title at the left that may be wider than its panel, and takes no width of the others."""
    ax.set_title(text, loc="left", fontweight="bold", fontsize=8).set_in_layout(False)


def dimension_label(reduction: str, dim: int) -> str:
    """What a line of one embedding size is called."""
    return counted(dim, "dimension") + (" (native)" if reduction == "native" else f" ({reduction})")
