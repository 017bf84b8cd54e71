"""BLEU on corpora that the inverter was not trained on, from short texts to long."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from textback.config import FIGURES
from textback.figures import Tables, overlay
from textback.figures.select import varied
from textback.figures.settings import ATTACK, NothingToShow, beside, comparable, measured, title
from textback.figures.style import AXIS_LABELS, OURS, WIDTH, around, block_title, legend_of_all

METRICS = FIGURES["out_of_domain"].metrics
FIGURE = "beir"
FIRST = OURS | {"color": "#b05a00", "marker": "^"}
KEYS = ["target_corpus", "target_length"]
PUBLISHED = {"hypothesizer": "^", "corrector": "o"}


def draw(tables: Tables) -> Figure:
    """A row a corpus, by the mean number of words of its texts; before and after correction."""
    table = measured(tables)
    own = table["target_corpus"] == table["corpus"]
    longer = own & (table["target_length"] != table["length"])  # see length_mismatch
    table = table[(table["perturbation"] == "none") & ~longer]
    found = varied(table[table["round"] > 0], "target_corpus", ATTACK)
    if not found:
        raise NothingToShow("out_of_domain")
    figure, panels = plt.subplots(
        len(found),
        len(METRICS),
        figsize=(WIDTH, sum(0.3 * len(rows[KEYS].drop_duplicates()) + 1.2 for rows in found) + 0.4),
        squeeze=False,
        layout="constrained",
    )
    published = tables.published[tables.published["figure"] == FIGURE]
    for rows, axes in zip(found, panels, strict=True):
        pairs = beside(published, rows)
        last = comparable(rows, "target_corpus", pairs)
        same = last[[*ATTACK, *KEYS, "beam", "search"]].drop_duplicates()
        first = table[table["round"] == 0].merge(same)
        words = mean_words(tables.texts, last)
        for metric, ax in zip(METRICS, axes, strict=True):
            ours = [(first, FIRST, "ours, round 0"), (last, OURS, "ours, corrected")]
            shown = [(own[own["metric"] == metric], *looks) for own, *looks in ours]
            _panel(ax, shown, overlay.chosen(pairs, metric, FIGURE), words)
            ax.set_yticks(words["place"], [""] * len(words))
            ax.set_xlabel(AXIS_LABELS[metric])
        axes[0].set_yticks(words["place"], words["label"])
        block_title(axes[0], f"trained on {title(rows)}\ncorrected: {_effort(last)}")
    legend_of_all(figure)
    return figure


def mean_words(texts: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The texts of some rows, from few words to many: their place, and what they are called."""
    own = texts[texts["round"] == 0].merge(rows[[*ATTACK, *KEYS]].drop_duplicates())
    own = own.assign(words=own["reference"].str.split().str.len())
    mean = own.groupby(KEYS, as_index=False)["words"].mean().sort_values("words", kind="stable")
    lengths = zip(mean["target_corpus"], mean["words"], strict=True)
    labels = [f"{corpus} ({words:.0f} words)" for corpus, words in lengths]
    return mean.assign(place=range(len(mean)), label=labels)


def _effort(rows: pd.DataFrame) -> str:
    return f"round {rows['round'].iloc[0]}, beam {rows['beam'].iloc[0]}"


def _panel(
    ax: Axes,
    shown: list[tuple[pd.DataFrame, dict, str]],
    pairs: pd.DataFrame,
    words: pd.DataFrame,
) -> None:
    for own, style, name in shown:
        own = own.merge(words, on=KEYS)
        bars = around(own["value"], own["low"], own["high"])
        ax.errorbar(own["value"], own["place"], xerr=bars, linestyle="none", label=name, **style)
    for method, marker in PUBLISHED.items():
        theirs = pairs[pairs["method"] == method].merge(words, on=KEYS)
        if len(theirs):
            name = overlay.label(theirs, method=True)
            overlay.points(ax, theirs["published"], theirs["place"], marker, name)
    ax.set_ylim(len(words) - 0.4, -0.6)
    ax.set_xlim(left=0)
