"""Panels of the same measures for each embedder: how the figures of length and dimension stand."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from textback.counted import counted
from textback.figures.style import AXIS_LABELS, WIDTH, legend_below

ROW = 2.1  # inches
SHORT_LABELS = {
    "exact_match": "exact match (share)",
    "unrecovered_fraction": "unrecovered (share of bits)",
    "recovered_share": "recovered (share of bits)",
    "recovered_bits": "recovered bits a text",
    "recovered_bits_per_token": "bits a token",
    "recovered_bits_per_dimension": "bits a dimension",
    "bleu": "BLEU (0–100)",
    "token_f1": "token F1 (0–1)",
    "cosine": "cosine to target",
    "length": "tokens",
    "dim": "dimensions",
}


@dataclass(frozen=True)
class Panels:
    """A figure and its panels, (rows, columns): one embedder's fill them, or each has a row."""

    figure: Figure
    axes: np.ndarray
    embedders: tuple[str, ...]
    metrics: tuple[str, ...]

    @property
    def narrow(self) -> bool:
        """Whether more than two stand side by side."""
        return self.axes.shape[1] > 2

    def each(self) -> Iterator[tuple[str, str, Axes]]:
        """Embedder, metric and panel."""
        points = [(embedder, metric) for embedder in self.embedders for metric in self.metrics]
        for (embedder, metric), ax in zip(points, self.axes.flat, strict=False):
            yield embedder, metric, ax


def panels_of(embedders: Sequence[str], metrics: Sequence[str], x: str) -> Panels:
    """A row of panels an embedder; of one embedder, four measures in two rows of two."""
    several = len(embedders) > 1
    columns = len(metrics) if several or len(metrics) < 4 else 2
    rows = -(-len(embedders) * len(metrics) // columns)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(WIDTH, (ROW if columns > 2 else 2.35) * rows + 0.8),
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    panels = Panels(figure, axes, tuple(embedders), tuple(metrics))
    for number, (embedder, metric, ax) in enumerate(panels.each()):
        labels = SHORT_LABELS if panels.narrow else AXIS_LABELS | SHORT_LABELS
        ax.set_ylabel(labels[metric], fontsize=8 if panels.narrow else None)
        if several and number % columns == 0:
            ax.set_title(embedder, loc="left", fontweight="bold", fontsize=9)
        if panels.narrow:
            ax.tick_params(labelsize=7)
    for ax in axes[-1]:
        ax.set_xlabel(SHORT_LABELS[x] if panels.narrow else AXIS_LABELS[x])
    return panels


def columns_of(labels: Mapping[str, str], lengths: Sequence[int]) -> tuple[Figure, np.ndarray]:
    """A row of panels a measure, a column a length, with the embedding size along each.

    labels: of the measures
    """
    figure, axes = plt.subplots(
        len(labels),
        len(lengths),
        figsize=(WIDTH, 1.9 * len(labels) + 0.8),
        sharex=True,
        sharey="row",
        squeeze=False,
        layout="constrained",
    )
    for label, row in zip(labels.values(), axes, strict=True):
        row[0].set_ylabel(label, fontsize=8)
    for length, ax in zip(lengths, axes[0], strict=True):
        ax.set_title(counted(length, "token"), loc="left", fontweight="bold", fontsize=9)
    for ax in axes[-1]:
        ax.set_xlabel(SHORT_LABELS["dim"])
    return figure, axes


def finish(panels: Panels, columns: int) -> None:
    """The legend of all panels, below them."""
    legend_below(panels.figure, panels.axes[0][0], columns)
