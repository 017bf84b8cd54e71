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
from textback.figures.select import cover_seeds, measured_once, once, undisturbed
from textback.figures.style import apply_style, mark_gaps
from textback.files import read_json, replacing
from textback.histories import HISTORY_COLUMNS, read_histories
from textback.published.pairs import COLUMNS as PAIR_COLUMNS
from textback.published.pairs import read_pairs
from textback.schema import check_tables, read_measured, read_texts
from textback.table import (
    MISSING,
    RETRIEVAL_COLUMNS,
    TEXT_COLUMNS,
    TEXTS,
    WORD_ERROR_COLUMNS,
)

NO_WORD_ERRORS = pd.DataFrame(columns=WORD_ERROR_COLUMNS)


@dataclass(frozen=True)
class Tables:
    """What a figure is drawn from: see `textback.table`.

    What several parts of the study share is there once, as the first part's.

    measurements: the pooled table
    texts: no rows where the folder has no texts.parquet
    retrieval: no rows where the study searches no set
    fits: as `textback.scaling` says, empty where no law was fitted
    histories, word_errors: no rows where no figure of the study needs them
    published: of `textback.published.pairs`, no rows where the study reruns nothing published
    gaps: how many cells a partial table lacks
    """

    measurements: pd.DataFrame
    texts: pd.DataFrame
    retrieval: pd.DataFrame
    fits: dict[str, Any] = field(default_factory=dict)
    histories: pd.DataFrame = field(default_factory=pd.DataFrame)
    word_errors: pd.DataFrame = field(default_factory=NO_WORD_ERRORS.copy)
    published: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=PAIR_COLUMNS))
    gaps: int = 0


def read_tables(folder: Path) -> Tables:
    """Read a study's tables. Raises TextbackError where there is no such study."""
    check_tables(folder)
    texts, fitted = folder / TEXTS, folder / "fits.json"
    trained, compared = folder / "histories.csv", folder / "published.csv"
    return Tables(
        read_measured(folder / "pooled.csv"),
        once(read_texts(texts)) if texts.exists() else pd.DataFrame(columns=TEXT_COLUMNS),
        once(_read_some(folder / "retrieval.csv", RETRIEVAL_COLUMNS)),
        read_json(fitted) if fitted.exists() else {},
        read_histories(trained) if trained.exists() else pd.DataFrame(columns=HISTORY_COLUMNS),
        cover_seeds(once(_read_some(folder / "word_errors.csv", WORD_ERROR_COLUMNS))),
        read_pairs(compared) if compared.exists() else pd.DataFrame(columns=PAIR_COLUMNS),
        len(_read_some(folder / MISSING, [])),
    )


def _read_some(path: Path, columns: list[str]) -> pd.DataFrame:
    """A table that not every study has: no rows where it is not there."""
    return read_measured(path) if path.exists() else pd.DataFrame(columns=columns)


def draw(name: str, tables: Tables, folder: Path) -> None:
    """Draw a figure and save it as SVG and PDF. Raises TextbackError for an unknown name."""
    if name not in FIGURES:
        raise unknown_name("figure", name, FIGURES)
    apply_style()
    if not FIGURES[name].whole:
        plain = measured_once(undisturbed(tables.measurements))
        tables = replace(tables, measurements=plain, texts=undisturbed(tables.texts))
    figure: Figure = import_module(f"textback.figures.{name}").draw(tables)
    if tables.gaps:
        mark_gaps(figure, tables.gaps)
    for ending, metadata in (("svg", {"Date": None}), ("pdf", {"CreationDate": None})):
        with replacing(folder / f"{name}.{ending}") as temporary:
            figure.savefig(temporary, format=ending, metadata=metadata)
