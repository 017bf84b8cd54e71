"""Cosine against sentence BLEU, a point a text, before and after correction."""

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from textback.figures import Tables
from textback.figures.select import embedding_sizes
from textback.figures.style import AXIS_LABELS, WIDTH

BEFORE = {"color": "0.6", "marker": "x", "s": 12, "linewidths": 0.7}
AFTER = {"color": "#00336e", "marker": "o", "s": 9, "linewidths": 0}


def draw(tables: Tables) -> Figure:
    """A panel a length, native embedding or the largest, widest beam."""
    texts = tables.texts
    reduction, dim = embedding_sizes(texts)[-1]
    texts = texts.query("reduction == @reduction and dim == @dim and beam == beam.max()")
    texts = texts[texts["seed"] == texts["seed"].min()]
    lengths = sorted(texts["length"].unique())
    figure, panels = plt.subplots(
        1, len(lengths), figsize=(WIDTH, 3.5), sharey=True, squeeze=False, layout="constrained"
    )
    last = texts["round"].max()
    for length, ax in zip(lengths, panels[0], strict=True):
        cell = texts[texts["length"] == length]
        for number, style, label in ((0, BEFORE, "round 0"), (last, AFTER, f"round {last}")):
            shown = cell[cell["round"] == number]
            ax.scatter(shown["cosine"], shown["bleu_sentence"], alpha=0.7, label=label, **style)
        ax.set_title(f"{length} tokens, {dim} dimensions", loc="left", fontweight="bold")
        ax.set_xlabel(AXIS_LABELS["cosine"])
    panels[0][0].set_ylabel(AXIS_LABELS["bleu_sentence"])
    panels[0][0].legend(loc="upper left", markerscale=1.6)
    return figure
