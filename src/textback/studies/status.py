"""`textback status`: what a study has finished, from the files that are there.

A file counts as done whether or not a change of the configuration would make it anew: that only
`snakemake -n` tells.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.table import Table

from textback import cells
from textback.cells import Cell
from textback.config import Study
from textback.table import score_path

LISTED = 20  # missing cells, where not all are asked for
STATE = cells.RESULTS / ".state"

Products = dict[str, list[Path]]  # by step, in the order of the steps


@dataclass(frozen=True)
class Missing:
    """A cell without scores: the first step that it waits for, and whether that has begun."""

    cell: Cell
    step: str
    begun: bool


def products_of(study: Study, cell: Cell) -> Products:
    """What a cell needs and makes: of every step the file that it is done with."""
    tokenizer = study.inverters[cell.inverter].tokenizer
    passages = cells.passages_folder(cell.corpus, tokenizer, cell.length)
    embedded = cells.embeddings_folder(cell.corpus, tokenizer, cell.length, cell.embedder)
    return {
        "corpus": [cells.documents_file(cell.corpus)],
        "tokenizer": [cells.tokenizer_file(cell.corpus, tokenizer)],
        "passages": [passages / "test.parquet"],
        "embeddings": [embedded / "test.safetensors"],
        "reduction": [embedded / str(cell.reduction) / "reduction.safetensors"],
        "null model": [cell.null_model / "null_model" / "model.safetensors"],
        "hypothesizer": [cell.folder / "hypothesizer" / "model.safetensors"],
        "hypotheses": [cell.folder / "hypotheses" / "train.safetensors"],
        "corrector": [cell.folder / "corrector" / "model.safetensors"],
        "inversions": [
            cells.inversion_of(cell, beam, study.evaluation) / "trace.parquet"
            for beam in study.beams
        ],
        "scores": [score_path(study.study, cell)],
    }


def products(study: Study) -> Products:
    """Every product of a study once, by step."""
    found: dict[str, dict[Path, None]] = {}
    for cell in cells.grid(study):
        for step, paths in products_of(study, cell).items():
            found.setdefault(step, {}).update(dict.fromkeys(paths))
    if study.use_retrieval_sets:
        found["retrieval"] = dict.fromkeys(point.scores for point in cells.retrievals(study))
    folder = cells.study_folder(study.study)
    found["table"] = {folder / "table.csv": None}
    found["figures"] = {folder / "figures" / f"{name}.svg": None for name in study.figures}
    found["report"] = {folder / "report.html": None}
    return {step: list(paths) for step, paths in found.items()}


def missing(study: Study) -> list[Missing]:
    """The cells without scores, in the order of the grid."""
    found = []
    for cell in cells.grid(study):
        if not score_path(study.study, cell).exists():
            step, path = next(
                (step, path)
                for step, paths in products_of(study, cell).items()
                for path in paths
                if not path.exists()
            )
            found.append(Missing(cell, step, (STATE / path.parent).exists()))
    return found


def show(study: Study, console: Console, all_cells: bool) -> None:
    """Print what is done of every step, and which cells are missing."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title_justify="left")
    for name, side in (("step", "left"), ("done", "right"), ("of", "right"), ("", "left")):
        table.add_column(name, justify=side)
    for step, paths in products(study).items():
        done = sum(path.exists() for path in paths)
        bar = ProgressBar(total=len(paths), completed=done, width=30)
        table.add_row(step, str(done), str(len(paths)), bar if console.is_terminal else "")
    console.print(f"study {study.study}", style="bold")
    console.print(table)
    _show_missing(missing(study), console, all_cells)


def _show_missing(found: list[Missing], console: Console, all_cells: bool) -> None:
    if not found:
        console.print("Every cell has its scores.")
        return
    waiting = Counter(one.step for one in found)
    steps = ", ".join(f"{step} {number}" for step, number in waiting.items())
    console.print(f"\n{len(found)} cells are missing; they wait for: {steps}", style="bold")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("cell", overflow="fold")
    table.add_column("waits for")
    shown = found if all_cells else found[:LISTED]
    for one in shown:
        table.add_row(str(one.cell), one.step + (", begun" if one.begun else ""))
    console.print(table)
    if len(shown) < len(found):
        console.print(f"… and {len(found) - len(shown)} more: --all lists them")
