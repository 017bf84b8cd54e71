"""Where the texts of a cell are read from: its traces, or a study's texts.parquet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from textback import cells
from textback.cells import Cell, Inversion
from textback.config import Part, Study, parts
from textback.errors import TextbackError
from textback.files import read_table
from textback.outdated import outdated
from textback.schema import read_texts
from textback.studies.names import CELL, find_cell, find_ready
from textback.table import trace_path

NOT_INVERTED = "no text of it is inverted yet in this configuration"


@dataclass(frozen=True)
class Traced:
    """A cell of a part, and where its inversions' traces lie."""

    part: str
    cell: Cell
    traces: dict[Inversion, Path]


def texts_of(
    given: Sequence[str], folder: Path | None, read_study: Callable[[], Study]
) -> pd.DataFrame:
    """All inversions of the cell that is named, as texts.parquet has them (see `textback.table`).

    Of a study's folder, if one is given; else of the configured study, from its cells' traces, and
    where there are none, from its folder. Raises TextbackError, one line, where there is no such
    cell.
    """
    if folder is not None:
        path = folder / "texts.parquet"
        if not path.exists():
            raise TextbackError(
                f"{path}: there is no such table: name a study's folder, results/studies/NAME"
            )
        return _of_table(path, given)
    study = read_study()
    old = outdated(study)
    traced = _traced(study, old)
    if any(one.traces for one in traced):
        return _of_traces(study, traced, given)
    path = cells.study_folder(study.study) / "texts.parquet"
    if not path.exists() or path.with_name("table.csv") in old:
        raise TextbackError(
            f"study '{study.study}': no text of its cells is inverted yet in this configuration: "
            "run `snakemake` with it first, or name a folder of tables with --study"
        )
    return _of_table(path, given)


def _of_table(path: Path, given: Sequence[str]) -> pd.DataFrame:
    keys = read_texts(path, columns=CELL).drop_duplicates()
    cell = find_cell(given, keys)
    return read_table(path, filters=[(column, "==", cell[column]) for column in CELL])


def _traced(study: Study, old: set[Path]) -> list[Traced]:
    """The cells of every part, with the traces of this configuration."""
    return [
        Traced(name, cell, _traces(study, name, part, cell, old))
        for name, part in parts(study).items()
        for cell in cells.cells_of(part)
    ]


def _traces(
    study: Study, name: str, part: Part, cell: Cell, old: set[Path]
) -> dict[Inversion, Path]:
    """Where the traces of a cell of a part lie."""
    inversions = cells.inversions_of(part, cell)
    paths = {one: trace_path(study.study, name, one) for one in inversions}
    return {one: path for one, path in paths.items() if path.exists() and path not in old}


def _of_traces(study: Study, traced: list[Traced], given: Sequence[str]) -> pd.DataFrame:
    rows = [one.cell.row(study) for one in traced]
    known = pd.DataFrame(rows, columns=CELL)
    wanted = find_ready(given, known, [bool(one.traces) for one in traced], NOT_INVERTED)
    frames = [
        read_table(path).assign(part=one.part, **row, **inversion.columns())
        for one, row in zip(traced, rows, strict=True)
        if all(row[column] == wanted[column] for column in CELL)
        for inversion, path in one.traces.items()
    ]
    return pd.concat(frames, ignore_index=True)
