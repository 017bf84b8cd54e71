"""`textback status`: what a study has finished, from the files that are there.

A file counts as done whether or not a change of the configuration would make it anew: that only
`snakemake -n` tells.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.table import Table

from textback import cells
from textback.cells import Cell, Inversion
from textback.config import Part, Study, parts
from textback.sharing.places import imported
from textback.table import score_path

LISTED = 20  # missing cells, where not all are asked for
STATE = cells.RESULTS / ".state"

Products = Iterator[tuple[str, Path]]  # a step, and the file that it is done with


@dataclass(frozen=True)
class Missing:
    """A cell without scores, the first step that it waits for, and whether that has begun."""

    part: str
    cell: Cell
    step: str
    begun: bool


def products_of(study: Study, name: str, part: Part, cell: Cell) -> Products:
    """What the scores of a cell need, in the order in which it is made, and they themselves.

    Of imported scores nothing else is here, or needed.
    """
    scores = score_path(study.study, name, cell)
    if imported(scores):
        yield "scores", scores
        return
    tokenizer = study.inverters[cell.inverter].tokenizer
    owner = cell.hypothesized_by(cells.owners(study))
    embedded = cells.embeddings_folder(cell.corpus, tokenizer, cell.length, cell.embedder)
    yield "corpus", cells.documents_file(cell.corpus)
    yield "tokenizer", cells.tokenizer_file(cell.corpus, tokenizer)
    passages = cells.passages_folder(cell.corpus, tokenizer, cell.length)
    yield "passages", passages / "test.parquet"
    yield "embeddings", embedded / "test.safetensors"
    yield "reduction", embedded / str(cell.reduction) / "reduction.safetensors"
    yield "null model", owner.null_model / "null_model" / "model.safetensors"
    yield "hypothesizer", owner.folder / "hypothesizer" / "model.safetensors"
    if part.evaluation.rounds > 0:
        yield "hypotheses", cell.folder / "hypotheses" / "train.safetensors"
        yield "corrector", cell.folder / "corrector" / "model.safetensors"
    for inversion in cells.inversions_of(part, cell):
        yield from _target(inversion, tokenizer)
        yield "inversions", inversion.trace
    yield "scores", scores


def _target(inversion: Inversion, tokenizer: str) -> Products:
    """Of an inversion of test passages that are not its cell's own."""
    cell, target = inversion.cell, inversion.target
    if not target.own_of(cell):
        folder = cells.targets_folder(cell.corpus, tokenizer, target)
        yield "corpus", cells.documents_file(target.corpus)
        yield "passages", folder / "test.parquet"
        yield "embeddings", folder / cell.embedder / "test.safetensors"


def products(study: Study) -> dict[str, list[Path]]:
    """Every product of a study once, by step."""
    found: dict[str, dict[Path, None]] = {}
    for name, part in parts(study).items():
        for cell in cells.cells_of(part):
            for step, path in products_of(study, name, part, cell):
                found.setdefault(step, {})[path] = None
    for point in cells.retrievals(study):
        found.setdefault("retrieval", {})[point.scores] = None
    folder = cells.study_folder(study.study)
    found["table"] = {folder / "table.csv": None}
    found["figures"] = {folder / "figures" / f"{name}.svg": None for name in study.figures}
    found["report"] = {folder / "report.html": None}
    return {step: list(paths) for step, paths in found.items()}


def missing(study: Study) -> list[Missing]:
    """The cells without scores, in the order of the parts and their axes."""
    return [
        _waits(study, name, part, cell)
        for name, part in parts(study).items()
        for cell in cells.cells_of(part)
        if not score_path(study.study, name, cell).exists()
    ]


def _waits(study: Study, name: str, part: Part, cell: Cell) -> Missing:
    """Which of its products a cell without scores waits for first."""
    made = products_of(study, name, part, cell)
    step, path = next((step, path) for step, path in made if not path.exists())
    kept = (file for file in (STATE / path.parent).rglob("*") if file.is_file())
    return Missing(name, cell, step, any(file.name != "lock" for file in kept))


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
    console.print(f"\nMissing: {len(found)} cells, which wait for: {steps}", style="bold")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("part", "cell", "waits for"):
        table.add_column(name, overflow="fold")
    shown = found if all_cells else found[:LISTED]
    for one in shown:
        table.add_row(one.part, str(one.cell), one.step + (", begun" if one.begun else ""))
    console.print(table)
    if len(shown) < len(found):
        console.print(f"… and {len(found) - len(shown)} more: --all lists them")
