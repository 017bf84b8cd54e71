"""Measures by text length, a line a dimension, after the last round of the widest beam."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from textback.config import FIGURES
from textback.figures import Tables
from textback.figures.measures import finish, panels_of
from textback.figures.select import (
    effort_of_each,
    embedding_sizes,
    final,
    leading,
    of_inverter,
    of_size,
)
from textback.figures.style import (
    BASELINE_NAMES,
    BASELINE_STYLES,
    errorbar,
    note,
    octaves,
    size_styles,
    y_from_zero,
)

METRICS = FIGURES["by_length"].metrics


def draw(tables: Tables) -> Figure:
    """A panel a metric, a row of them an embedder; the baselines beside the inverter's lines."""
    table, said = leading(tables.measurements, "inverter", "reduction")
    panels = panels_of(table["embedder"].unique(), METRICS, "length")
    styles, lengths = size_styles(embedding_sizes(table)), sorted(table["length"].unique())
    for embedder, metric, ax in panels.each():
        own = table[(table["metric"] == metric) & (table["embedder"] == embedder)]
        _panel(ax, own, styles)
        octaves(ax, lengths)
    note(panels.figure, said, effort_of_each(table))
    finish(panels, columns=2 if table["dim"].nunique() < 4 else 3)
    return panels.figure


def _panel(ax: Axes, table: pd.DataFrame, styles: dict[tuple[str, int], dict]) -> None:
    inverted = final(of_inverter(table))
    lengths = sorted(table["length"].unique())
    for size, style in styles.items():
        named = style | {"label": f"inverter, {style['label']}"}
        errorbar(ax, of_size(inverted, size), "length", at=lengths, **named)
    largest = of_size(table, embedding_sizes(table)[-1])
    for baseline, style in BASELINE_STYLES.items():
        line = final(largest[largest["baseline"] == baseline])
        errorbar(ax, line, "length", label=BASELINE_NAMES[baseline], **style)
    y_from_zero(ax, table)
