"""Does more compute still help? What a doubling gains in each cell of length × dimension."""

from itertools import product

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from textback.errors import TextbackError
from textback.figures import Tables
from textback.figures.heat_maps import MISSING
from textback.figures.select import embedding_sizes, leading, of_inverter
from textback.figures.style import WIDTH, note
from textback.scaling.compute_gain import CLASSES, compute_gains

COLOURS = dict(zip(CLASSES, ("#e8a33d", "#e6e6e6", "#4a76a8", "#cfe3cf"), strict=True))
LETTERS = dict(zip(CLASSES, ("A", "", "I", "R"), strict=True))
MEANINGS = {
    "attacker-limited": "A  attacker-limited: more compute still helps",
    "undecided": "undecided",
    "information-limited": "I  information-limited: a doubling gains < 1%",
    "recovered": "R  recovered: ≤ 5% of the bits left",
}
POINT = ["embedder", "length", "reduction", "dim"]
ROW = 0.34  # inches a length
LEAST = 4  # lengths' worth of height
COLUMNS = 2  # embedders side by side


def draw(tables: Tables) -> Figure:
    """A map an embedder: length down, dimension across; in each cell the gain and its interval.

    Raises TextbackError where no cell was trained with two budgets.
    """
    table, said = leading(of_inverter(tables.measurements), "reduction")
    u = table[table["metric"] == "unrecovered_fraction"]
    gains = compute_gains(u.merge(_flops(tables.histories), on=[*POINT, "inverter"]), POINT)
    if gains.empty:
        raise TextbackError(
            "figure 'attacker_limit': no cell was trained with two budgets: name inverters of "
            "different budgets in 'use_inverters'"
        )
    embedders = list(gains["embedder"].unique())
    columns = min(COLUMNS, len(embedders))
    rows = -(-len(embedders) // columns)
    figure, panels = plt.subplots(
        rows,
        columns,
        figsize=(WIDTH, rows * (ROW * max(LEAST, u["length"].nunique()) + 0.8) + 0.9),
        squeeze=False,
        layout="constrained",
    )
    for ax in panels.flat[len(embedders) :]:
        ax.remove()
    for embedder, ax in zip(embedders, panels.flat, strict=False):
        own = u[u["embedder"] == embedder]
        _map(ax, gains[gains["embedder"] == embedder], embedding_sizes(own), own["length"])
        if len(embedders) > 1:
            ax.set_title(embedder, loc="left", fontweight="bold", fontsize=9)
        ax.set(xlabel="dimensions", ylabel="text length (tokens)")
    note(figure, said)
    handles = [Patch(color=COLOURS[name], label=MEANINGS[name]) for name in CLASSES]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=8)
    return figure


def _flops(histories: pd.DataFrame) -> pd.DataFrame:
    """The hypothesizer's training FLOPs of each cell, mean over seeds."""
    trained = histories[histories["model"] == "hypothesizer"]
    ends = trained.groupby([*POINT, "inverter", "seed"], as_index=False)["flops"].max()
    return ends.groupby([*POINT, "inverter"], as_index=False)["flops"].mean()


def _map(ax: Axes, gains: pd.DataFrame, sizes: list[tuple[str, int]], lengths: pd.Series) -> None:
    found = gains.set_index(["length", "reduction", "dim"])
    lengths = sorted(lengths.unique())
    for (i, length), (j, size) in product(enumerate(lengths), enumerate(sizes)):
        if (length, *size) in found.index:
            _cell(ax, j, i, found.loc[(length, *size)])
        else:
            ax.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, **MISSING))
    ax.set_xlim(-0.5, len(sizes) - 0.5)
    ax.set_ylim(len(lengths) - 0.5, -0.5)
    ax.set_xticks(range(len(sizes)), [str(dim) for _, dim in sizes], fontsize=7)
    ax.set_yticks(range(len(lengths)), lengths, fontsize=7)
    ax.grid(False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)


def _cell(ax: Axes, x: int, y: int, found: pd.Series) -> None:
    """Its colour and letter, and the gain in percent of the bits a doubling with its interval."""
    style = {"facecolor": COLOURS[found["limit"]], "edgecolor": "white", "linewidth": 1}
    ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, **style))
    gain, low, high = (100 * found[name] for name in ("gain", "gain_low", "gain_high"))
    dark = {"color": "white" if found["limit"] == "information-limited" else "black"}
    style = {"horizontalalignment": "center", "verticalalignment": "center"} | dark
    ax.text(x, y - 0.16, f"{LETTERS[found['limit']]} {gain:+.1f}%".strip(), fontsize=6.5, **style)
    ax.text(x, y + 0.22, f"[{low:.1f}, {high:.1f}]", fontsize=5, **style)
