"""Figures: each a module with `draw(tables) -> Figure`, a function of tables alone.

Drawn without torch, so that they redraw anywhere from a committed table. Their captions lie in
`workflow/report/`.
"""

from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from textback.config import FIGURES
from textback.errors import unknown_name
from textback.figures.select import once, pool_seeds, undisturbed
from textback.figures.style import apply_style
from textback.files import read_csv, read_json, read_table, replacing
from textback.table import RETRIEVAL_COLUMNS


@dataclass(frozen=True)
class Tables:
    """What a figure is drawn from: see `textback.table`. Seeds are pooled in `measurements`.

    What several parts of the study share is there once, as the first part's.

    retrieval: no rows where the study searches no set; fits: as `textback.scaling` says, empty
    where no law was fitted
    """

    measurements: pd.DataFrame
    texts: pd.DataFrame
    retrieval: pd.DataFrame
    fits: dict[str, Any] = field(default_factory=dict)


def read_tables(folder: Path) -> Tables:
    """Read a study's tables. Raises TextbackError where there is no such study."""
    searched, fitted = folder / "retrieval.csv", folder / "fits.json"
    return Tables(
        pool_seeds(once(read_csv(folder / "table.csv"))),
        once(read_table(folder / "texts.parquet")),
        read_csv(searched) if searched.exists() else pd.DataFrame(columns=RETRIEVAL_COLUMNS),
        read_json(fitted) if fitted.exists() else {},
    )


def draw(name: str, tables: Tables, folder: Path) -> None:
    """Draw a figure and save it as SVG and PDF. Raises TextbackError for an unknown name."""
    if name not in FIGURES:
        raise unknown_name("figure", name, FIGURES)
    apply_style()
    if not FIGURES[name].whole:
        plain = undisturbed(tables.measurements), undisturbed(tables.texts)
        tables = replace(tables, measurements=plain[0], texts=plain[1])
    figure: Figure = import_module(f"textback.figures.{name}").draw(tables)
    for ending, metadata in (("svg", {"Date": None}), ("pdf", {"CreationDate": None})):
        with replacing(folder / f"{name}.{ending}") as temporary:
            figure.savefig(temporary, format=ending, metadata=metadata)
