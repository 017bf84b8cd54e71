"""What a cell is made of: every step's product with its spec, and which of its files travel.

A cell that is computed elsewhere is the same cell only if each of these specs is the same here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from textback import cells, specs
from textback.cells import Cell, Inversion
from textback.config import Study, parts
from textback.config.finding import find_inverter, find_part
from textback.specs import Spec
from textback.table import own_score_path


@dataclass(frozen=True)
class Product:
    """What a step made.

    made: one of the step's outputs, which names the product; spec: the step's, see
    `textback.specs`; files: which of its outputs are packed
    """

    made: Path
    spec: Spec
    files: tuple[Path, ...] = ()


@dataclass(frozen=True, order=True)
class PartCell:
    """A cell as one of a part, where the cell is named as in paths."""

    part: str
    cell: str

    def __str__(self) -> str:
        """As messages name it."""
        return f"cell {self.cell} of part '{self.part}'"


def part_cells(study: Study) -> dict[PartCell, Cell]:
    """The cells of every part of a study, in their order."""
    return {
        PartCell(name, str(cell)): cell
        for name, part in parts(study).items()
        for cell in cells.cells_of(part)
    }


def products(study: Study, part: str, cell: Cell) -> list[Product]:
    """Everything that a cell's scores in a part rest on, and the scores."""
    evaluated = find_part(study, part)
    found = [*_data(study, cell), *_trained(study, cell)]
    if evaluated.evaluation.rounds > 0:
        found += _corrected(study, cell)
    for inversion in cells.inversions_of(evaluated, cell):
        found += _inverted(study, inversion)
    found += [
        Product(cells.words_file(corpus), specs.words(study, corpus))
        for corpus in specs.word_corpora(study, part, cell.corpus)
    ]
    scores = own_score_path(study.study, part, cell)
    names = cell.corpus, cell.embedder, cell.length, str(cell.reduction), cell.inverter, cell.seed
    return [*found, Product(scores, specs.score(study, part, *names), (scores,))]


def _data(study: Study, cell: Cell) -> Iterator[Product]:
    tokenizer = find_inverter(study, cell.inverter).tokenizer
    passages = cells.passages_folder(cell.corpus, tokenizer, cell.length)
    embedded = cells.embeddings_folder(cell.corpus, tokenizer, cell.length, cell.embedder)
    reduced = embedded / str(cell.reduction)
    yield Product(cells.documents_file(cell.corpus), specs.corpus(study, cell.corpus))
    yield Product(cells.tokenizer_file(cell.corpus, tokenizer), specs.tokenizer(study, tokenizer))
    yield Product(passages / "test.parquet", specs.passages(study, cell.corpus, cell.length))
    yield _with_costs(embedded, specs.embed(study, cell.embedder, cell.length))
    reduction = specs.reduction(study, cell.embedder, str(cell.reduction))
    yield Product(reduced / "reduction.safetensors", reduction)
    yield Product(reduced / "nearest.parquet", {"recipe": specs.NEAREST_RECIPE})


def _trained(study: Study, cell: Cell) -> Iterator[Product]:
    owner = cell.hypothesized_by(cells.owners(study))
    for folder, model in ((owner.null_model, "null_model"), (owner.folder, "hypothesizer")):
        spec = specs.training(study, owner.inverter, model, owner.seed)
        yield _with_costs(folder / model, spec, "history.csv")


def _corrected(study: Study, cell: Cell) -> Iterator[Product]:
    spec = specs.hypotheses(study, cell.inverter, cell.embedder, cell.seed)
    yield _with_costs(cell.folder / "hypotheses", spec, "cosines.json")
    spec = specs.corrector(study, cell.inverter, cell.embedder, cell.seed)
    yield _with_costs(cell.folder / "corrector", spec, "history.csv")


def _inverted(study: Study, inversion: Inversion) -> Iterator[Product]:
    cell, target = inversion.cell, inversion.target
    if not target.own_of(cell):
        tokenizer = find_inverter(study, cell.inverter).tokenizer
        folder = cells.targets_folder(cell.corpus, tokenizer, target)
        passages = specs.target_passages(study, target.corpus, target.length)
        yield Product(cells.documents_file(target.corpus), specs.corpus(study, target.corpus))
        yield Product(folder / "test.parquet", passages)
        yield _with_costs(folder / cell.embedder, specs.embed(study, cell.embedder, target.length))
    spec = specs.invert(
        study,
        cell.embedder,
        str(inversion.search),
        inversion.beam,
        inversion.rounds,
        inversion.passages,
        str(inversion.perturbation),
        cell.seed,
    )
    yield _with_costs(inversion.folder, spec, inversion.trace.name)


def _with_costs(folder: Path, spec: Spec, *names: str) -> Product:
    made = folder / "costs.json"
    return Product(made, spec, (*(folder / name for name in names), made))
