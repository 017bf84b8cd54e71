"""Where the texts of a cell are read from: its traces, or a study's texts.parquet."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from textback import cells
from textback.cells import Cell
from textback.config import Part, Study, parts
from textback.errors import TextbackError
from textback.files import read_table
from textback.schema import read_texts
from textback.studies.names import CELL, find_cell
from textback.table import trace_path


def texts_of(
    given: Sequence[str], folder: Path | None, read_study: Callable[[], Study]
) -> pd.DataFrame:
    """All inversions of the cell that is named, as texts.parquet has them (see `textback.table`).

    Of a study's folder, if one is given; else of the configured study, from its cells' traces, and
    where there are none, from its folder. Raises TextbackError, one line, where there is no such
    cell.
    """
    if folder is not None:
        return _of_table(folder / "texts.parquet", given)
    study = read_study()
    traced = _traced(study)
    if traced:
        return _of_traces(study, traced, given)
    path = cells.study_folder(study.study) / "texts.parquet"
    if not path.exists():
        raise TextbackError(
            f"study '{study.study}': no text of its cells is inverted yet: run `snakemake` first, "
            "or name a folder of tables with --study"
        )
    return _of_table(path, given)


def _of_table(path: Path, given: Sequence[str]) -> pd.DataFrame:
    keys = read_texts(path, columns=CELL).drop_duplicates()
    cell = find_cell(given, keys)
    return read_table(path, filters=[(column, "==", cell[column]) for column in CELL])


def _traced(study: Study) -> list[tuple[str, Part, Cell]]:
    """The cells that have any trace, with their parts."""
    return [
        (name, part, cell)
        for name, part in parts(study).items()
        for cell in cells.cells_of(part)
        if any(path.exists() for path in _traces(study, name, part, cell).values())
    ]


def _traces(study: Study, name: str, part: Part, cell: Cell) -> dict[cells.Inversion, Path]:
    """Where the traces of a cell of a part lie, or would."""
    inversions = cells.inversions_of(part, cell)
    return {one: trace_path(study.study, name, one) for one in inversions}


def _of_traces(
    study: Study, traced: list[tuple[str, Part, Cell]], given: Sequence[str]
) -> pd.DataFrame:
    rows = [cell.columns() | {"dim": cell.dimension(study)} for _, _, cell in traced]
    wanted = find_cell(given, pd.DataFrame(rows, columns=CELL).drop_duplicates())
    frames = [
        read_table(path).assign(part=name, **row, **inversion.columns())
        for (name, part, cell), row in zip(traced, rows, strict=True)
        if all(row[column] == wanted[column] for column in CELL)
        for inversion, path in _traces(study, name, part, cell).items()
        if path.exists()
    ]
    return pd.concat(frames, ignore_index=True)
