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
from textback.figures.select import cover_seeds, once, undisturbed
from textback.figures.style import apply_style
from textback.files import read_csv, read_json, read_table, replacing
from textback.histories import HISTORY_COLUMNS, read_histories
from textback.table import RETRIEVAL_COLUMNS, WORD_ERROR_COLUMNS

NO_WORD_ERRORS = pd.DataFrame(columns=WORD_ERROR_COLUMNS)


@dataclass(frozen=True)
class Tables:
    """What a figure is drawn from: see `textback.table`. `measurements` is the pooled table.

    What several parts of the study share is there once, as the first part's.

    retrieval: no rows where the study searches no set; fits: as `textback.scaling` says, empty
    where no law was fitted; histories and word_errors: empty where no figure of the study needs
    them
    """

    measurements: pd.DataFrame
    texts: pd.DataFrame
    retrieval: pd.DataFrame
    fits: dict[str, Any] = field(default_factory=dict)
    histories: pd.DataFrame = field(default_factory=pd.DataFrame)
    word_errors: pd.DataFrame = field(default_factory=NO_WORD_ERRORS.copy)


def read_tables(folder: Path) -> Tables:
    """Read a study's tables. Raises TextbackError where there is no such study."""
    searched, fitted = folder / "retrieval.csv", folder / "fits.json"
    trained = folder / "histories.csv"
    word_errors = folder / "word_errors.csv"
    return Tables(
        read_csv(folder / "pooled.csv"),
        once(read_table(folder / "texts.parquet")),
        read_csv(searched) if searched.exists() else pd.DataFrame(columns=RETRIEVAL_COLUMNS),
        read_json(fitted) if fitted.exists() else {},
        read_histories(trained) if trained.exists() else pd.DataFrame(columns=HISTORY_COLUMNS),
        cover_seeds(once(read_csv(word_errors))) if word_errors.exists() else NO_WORD_ERRORS,
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
