"""The report's first page: what a study found, in sentences, three figures and a table."""

import html
from pathlib import Path

import pandas as pd

from textback.counted import counted
from textback.files import read_json
from textback.pages.figures import choose, inline
from textback.pages.findings import findings
from textback.pages.html import NAMES, interval, number, page, paragraphs, table
from textback.pages.law import law_section
from textback.pages.naming import common, name_of, varied
from textback.pages.reached import (
    CELL,
    CORRECTED,
    KEYS,
    NEAREST,
    ONE_PASS,
    SHUFFLED,
    best_reached,
    headline,
    of_stage,
    reached,
)
from textback.schema import read_measured

MOST = 40  # cells that are listed; of more, half as many from each end
COLUMNS = (
    ("exact_match", (ONE_PASS, CORRECTED)),
    ("bleu", (ONE_PASS, CORRECTED, NEAREST, SHUFFLED)),
    ("cosine", (ONE_PASS, CORRECTED)),
    ("recovered_bits", (ONE_PASS,)),
    ("null_nll_bits", (ONE_PASS,)),
)
TITLES = NAMES | {"recovered_bits": "bits recovered", "null_nll_bits": "bits of the text"}


def overview_page(folder: Path) -> str:
    """What a study found, from the tables and figures in its folder."""
    measured = read_measured(folder / "table.csv")
    rows = reached(read_measured(folder / "pooled.csv"))
    said = findings(rows, read_measured(folder / "comparisons.csv"))
    fits = read_json(folder / "fits.json") if (folder / "fits.json").exists() else {}
    pictures = choose(folder, rows)
    return page(
        f"Study {measured['study'].iloc[0]}",
        f"<p>How much of a text can be read back from its embedding. {_what(measured, rows)}</p>",
        _gaps(folder),
        "<h2>What was found</h2>",
        paragraphs(said),
        *(inline(path, number) for number, path in enumerate(pictures, 1)),
        law_section(fits),
        _cells(rows, measured["study"].iloc[0]),
    )


def _what(measured: pd.DataFrame, rows: pd.DataFrame) -> str:
    """The study in a sentence or two: how many cells, and what they have in common."""
    index = rows.set_index(KEYS).index.unique()
    seeds = measured["seed"].nunique()
    number = len(rows[CELL].drop_duplicates())
    many = f"{number} cells" if number > 1 else "One cell"
    searches = rows["search"].nunique()
    many += f", inverted by {searches} searches" if searches > 1 else ""
    texts = int(measured["n"].max())
    return html.escape(
        f"{many}; {common(index)}; {texts} test texts each, "
        + (f"{seeds} seeds, whose mean is given. " if seeds > 1 else "one seed. ")
        + "Brackets are 95% intervals over "
        + ("seeds and texts; of what correction adds, over texts alone." if seeds > 1 else "texts.")
    )


def _gaps(folder: Path) -> str:
    """How many cells a partial table lacks."""
    if not (folder / "missing.csv").exists():
        return ""
    number = len(read_measured(folder / "missing.csv"))
    return (
        f"<p><b>Unfinished: no scores yet of {counted(number, 'cell')}</b> "
        "(<code>missing.csv</code>), of which no number here says anything.</p>"
    )


def _cells(rows: pd.DataFrame, study: str) -> str:
    """A line a cell, from the most to the least recovered where there are too many for a page."""
    shown = [
        (metric, stage, found)
        for metric, stages in COLUMNS
        for stage in stages
        if len(found := of_stage(rows, stage, metric))
    ]
    cells, note = _listed(rows)
    varying = varied(rows.set_index(KEYS).index)
    head = [f"{TITLES[metric]}<br><span>{stage}</span>" for metric, stage, _ in shown]
    body = (
        [
            html.escape(name_of(cell, varying)) or "the cell",
            *(_value(metric, found, cell) for metric, _, found in shown),
        ]
        for cell in cells
    )
    return (
        f"<h2>Cells</h2><p class=note>{note} The texts of a cell, worst to best, are shown by "
        f"<code>textback show</code> with words of its path, e.g. <code>{_shown(cells[0], study)}"
        f"</code>.</p><div class=cells>{table(['', *head], body)}</div>"
    )


def _shown(cell: tuple, study: str) -> str:
    """The command that shows a cell's texts."""
    point = dict(zip(KEYS, cell, strict=True))
    size = "" if point["reduction"] == "native" else point["dim"]
    words = f"len{point['length']} {point['reduction']}{size}"
    return html.escape(f"textback show {words} --study results/studies/{study}")


def _listed(rows: pd.DataFrame) -> tuple[list[tuple], str]:
    """The cells that are listed, in the grid's order or by what they reached; which, in words."""
    metric = headline(rows, list(NAMES))
    index = rows.set_index(KEYS).index.unique()
    if metric is None or len(index) <= MOST:
        return list(index), "Every measurement is in <code>table.csv</code>."
    cells = best_reached(rows, metric)["value"]
    order = list(cells.sort_values(ascending=False, kind="stable").index)
    half = MOST // 2
    return order[:half] + order[-half:], (
        f"The {half} of {len(order)} cells of most {NAMES[metric]} and the {half} of least; all "
        "are in <code>table.csv</code>."
    )


def _value(metric: str, found: pd.DataFrame, cell: tuple) -> str:
    if cell not in found.index:
        return "–"
    row = found.loc[cell]
    between = interval(metric, row["low"], row["high"])
    return f"{number(metric, row['value'])}<br><span>{between}</span>"
