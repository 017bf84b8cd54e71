"""How every training of a study went: histories.csv, a row a tenth of a training budget.

model                       `null_model`, `hypothesizer` or `corrector`
examples, flops             so far
learning_rate               at that moment
train_nll, validation_nll   in nats a token, see `textback.inverter.training`

A null model is shared by every embedder and reduction, whose columns are empty in its rows.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from textback.cells import Cell, cells_of
from textback.config import Part
from textback.files import read_csv
from textback.sharing.places import place
from textback.table import CELL_COLUMNS, SCHEMA, Known

TRAINING_COLUMNS = ["examples", "flops", "learning_rate", "train_nll", "validation_nll"]
HISTORY_COLUMNS = ["schema", "study", *CELL_COLUMNS, "model", *TRAINING_COLUMNS]


def history_files(parts: dict[str, Part], known: Known) -> dict[Path, dict[str, Any]]:
    """The histories of a study's trainings, each once, and the columns that say whose they are."""
    files: dict[Path, dict[str, Any]] = {}
    for part in parts.values():
        for cell in cells_of(part):
            files |= _of_cell(cell, part.evaluation.rounds > 0, known)
    return files


def _of_cell(cell: Cell, corrected: bool, known: Known) -> dict[Path, dict[str, Any]]:
    owner = cell.hypothesized_by(known.owners)
    dim = {"dim": cell.reduction.dimension or known.native[cell.embedder]}
    null = {key: getattr(owner, key) for key in ("corpus", "length", "inverter", "seed")}
    files = {
        owner.null_model / "null_model": null | {"model": "null_model"},
        owner.folder / "hypothesizer": owner.columns() | dim | {"model": "hypothesizer"},
    }
    if corrected:
        files[cell.folder / "corrector"] = cell.columns() | dim | {"model": "corrector"}
    return {folder / "history.csv": columns for folder, columns in files.items()}


def histories(study: str, files: dict[Path, dict[str, Any]]) -> pd.DataFrame:
    """The table of histories."""
    frames = [
        read_csv(place(study, path)).assign(schema=SCHEMA, study=study, **columns)
        for path, columns in files.items()
    ]
    table = pd.concat(frames, ignore_index=True).reindex(columns=HISTORY_COLUMNS)
    return table.astype({"dim": "Int64"})


def read_histories(path: Path) -> pd.DataFrame:
    """Read histories.csv. Raises TextbackError where it is missing or broken."""
    table = read_csv(path)
    return table.assign(dim=pd.to_numeric(table["dim"]).astype("Int64"))
