"""Recovery of texts longer and shorter than those an inverter was trained on."""

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from textback.config import FIGURES
from textback.figures import Tables, overlay
from textback.figures.select import varied
from textback.figures.settings import ATTACK, NothingToShow, beside, comparable, measured, title
from textback.figures.style import AXIS_LABELS, OURS, WIDTH, errorbar, legend_of_all

METRICS = FIGURES["length_mismatch"].metrics
FIGURE = "length_mismatch"


def draw(tables: Tables) -> Figure:
    """A row of panels for each attack on several lengths; the trained one is marked."""
    table = measured(tables)
    table = table[(table["perturbation"] == "none") & (table["target_corpus"] == table["corpus"])]
    found = varied(table[table["round"] > 0], "target_length", ATTACK)
    if not found:
        raise NothingToShow("length_mismatch")
    figure, panels = plt.subplots(
        len(found),
        len(METRICS),
        figsize=(WIDTH, 2.6 * len(found) + 0.6),
        squeeze=False,
        layout="constrained",
    )
    published = tables.published[tables.published["figure"] == FIGURE]
    for attack, axes in zip(found, panels, strict=True):
        pairs = beside(published, attack)
        rows = comparable(attack, "target_length", pairs)
        trained = rows["length"].iloc[0]
        effort = f"round {rows['round'].iloc[0]}, beam {rows['beam'].iloc[0]}"
        style = {"marker": OURS["marker"], "color": OURS["color"], "label": f"ours, {effort}"}
        for metric, ax in zip(METRICS, axes, strict=True):
            ax.axvline(trained, color="0.7", linewidth=4, alpha=0.5, label="trained at this length")
            errorbar(ax, rows[rows["metric"] == metric], "target_length", **style)
            overlay.lines(ax, overlay.chosen(pairs, metric, FIGURE), "target_length")
            ax.set_xticks(sorted(rows["target_length"].unique()))
            ax.set(xlabel=AXIS_LABELS["length"], ylabel=AXIS_LABELS[metric])
            ax.set_ylim(bottom=0)
        axes[0].set_title(title(rows, "corpus", "embedder"), loc="left", fontweight="bold")
    legend_of_all(figure)
    return figure
