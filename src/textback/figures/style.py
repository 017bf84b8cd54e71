"""One look for all figures: colour-blind-safe, told apart in grey by marker and line as well."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

WIDTH = 7.0  # inches, a text column
MARKERS = "osD^vP*X"
LINES = ("-", "--", "-.", (0, (4, 1, 1, 1, 1, 1)))
GREY = "0.45"

AXIS_LABELS = {
    "bleu": "BLEU (0–100)",
    "bleu_sentence": "sentence BLEU (0–100)",
    "exact_match": "exact match (share of texts)",
    "token_f1": "token F1 (0–1)",
    "token_f1_set": "token F1 of sets (0–1)",
    "cosine": "cosine to the target (−1–1)",
    "recovered_bits": "recovered information (bits a text)",
    "recovered_bits_per_token": "recovered information (bits a token)",
    "unrecovered_fraction": "unrecovered fraction of bits (0–1)",
    "round": "correction round",
    "length": "text length (tokens)",
    "ndcg_at_10": "nDCG@10 of retrieval",
    "dim": "embedding size (dimensions)",
}
OURS = {"color": "#00336e", "marker": "o", "markersize": 4, "capsize": 2, "elinewidth": 0.8}
BASELINE_NAMES = {"shuffled": "shuffled embeddings (null)", "nearest": "nearest training passage"}
BASELINE_STYLES = {
    "shuffled": {"color": "0.55", "linestyle": ":", "marker": "x"},
    "nearest": {"color": "0.25", "linestyle": (0, (5, 2)), "marker": "P"},
}


def apply_style() -> None:
    """Set matplotlib's defaults; text stays text, and output is the same bytes every time."""
    sns.set_theme(style="ticks", context="paper", font="DejaVu Sans")
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


def palette(
    values: Sequence[object], colormap: str = "cividis"
) -> dict[object, tuple[float, float, float, float]]:
    """A colour each, dark to light in their order (cividis is made for colour blindness)."""
    colours = mpl.colormaps[colormap](np.linspace(0.0, 0.78, len(values)))
    return dict(zip(values, map(tuple, colours), strict=True))


def nth(kinds: Sequence, index: int) -> object:
    """The index-th of some markers or lines, from the start again after the last."""
    return kinds[index % len(kinds)]


def errorbar(ax: Axes, frame: pd.DataFrame, x: str, **style: object) -> None:
    """A line of values by `x` with their 95% intervals."""
    frame = frame.sort_values(x)
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


def octaves(ax: Axes, values: Sequence[int]) -> None:
    """A logarithmic x axis whose ticks are exactly these values, with room at both ends."""
    ax.set_xscale("log", base=2)
    ax.set_xticks(values, [str(value) for value in values])
    ax.minorticks_off()
    ax.set_xlim(values[0] / 1.25, values[-1] * 1.25)


def legend_below(figure: Figure, ax: Axes, columns: int) -> None:
    """One legend for all panels, under them, in the order of one panel's lines."""
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)


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
    return f"{dim} dimensions" + (" (native)" if reduction == "native" else f" ({reduction})")
