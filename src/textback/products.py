"""What a study is made of: every step's product with its spec, and which of its files travel.

A cell that is computed elsewhere, or was earlier, is the same cell only if each of these specs is
the same here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from textback import cells, specs
from textback.cells import Cell, Inversion
from textback.config import Study, parts
from textback.config.finding import find_inverter, find_part
from textback.sharing.places import imported
from textback.specs import Spec
from textback.table import cells_of_parts, own_score_path, score_path

COSTS = "costs.json"


@dataclass(frozen=True)
class Product:
    """What a step made.

    step: as `textback status` calls it; made: one of the step's outputs, which names the product;
    tell: what tells the step's spec, see `textback.specs`; files: which of its outputs are packed;
    sources: the products that it is made from, by what names them
    """

    step: str
    made: Path
    tell: Callable[[], Spec]
    files: tuple[Path, ...] = ()
    sources: tuple[Path, ...] = ()

    @property
    def spec(self) -> Spec:
        """The step's, put together when it is asked for: most are not, of a study's thousands."""
        return self.tell()


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


def products_of_study(study: Study) -> Iterator[Product]:
    """Every product of a study after those that it is made from; shared ones come several times.

    Of each cell of each part, in their order, `scores` come once.
    """
    scores = []
    for name, _, cell in cells_of_parts(parts(study)):
        made = products_here(study, name, cell)
        yield from made
        scores.append(made[-1].made)
    retrieved = list(_retrieved(study))
    yield from retrieved
    folder = cells.study_folder(study.study)
    table = Product(
        "table", folder / "table.csv", partial(specs.table, study), sources=tuple(scores)
    )
    # Figures and the report are told no spec.
    figures = [
        Product("figures", folder / "figures" / f"{name}.svg", dict, sources=(table.made,))
        for name in study.figures
    ]
    sources = tuple(product.made for product in (table, *figures, *retrieved))
    yield from (table, *figures, Product("report", folder / "report.html", dict, sources=sources))


def products_here(study: Study, part: str, cell: Cell) -> list[Product]:
    """What a cell's scores in a part rest on, and the scores; those alone where they were imported:
    of such nothing else is here, or needed."""
    scores = score_path(study.study, part, cell)
    if imported(scores):
        return [Product("scores", scores, partial(_score_spec, study, part, cell), (scores,))]
    return products(study, part, cell)


def products(study: Study, part: str, cell: Cell) -> list[Product]:
    """Everything that a cell's scores in a part rest on, in the order in which it is made, and the
    scores."""
    evaluated = find_part(study, part)
    found = [*_data(study, cell), *_trained(study, cell)]
    if evaluated.evaluation.rounds > 0:
        found += _corrected(study, cell)
    for inversion in cells.inversions_of(evaluated, cell):
        found += _inverted(study, inversion)
    found += [
        Product(
            "words",
            cells.words_file(corpus),
            partial(specs.words, study, corpus),
            sources=(cells.documents_file(corpus),),
        )
        for corpus in specs.word_corpora(study, part, cell.corpus)
    ]
    scores = own_score_path(study.study, part, cell)
    sources = tuple(product.made for product in found)
    return [
        *found,
        Product("scores", scores, partial(_score_spec, study, part, cell), (scores,), sources),
    ]


def _score_spec(study: Study, part: str, cell: Cell) -> Spec:
    names = cell.corpus, cell.embedder, cell.length, str(cell.reduction), cell.inverter, cell.seed
    return specs.score(study, part, *names)


def _nearest_spec() -> Spec:
    return {"recipe": specs.NEAREST_RECIPE}


def _data(study: Study, cell: Cell) -> Iterator[Product]:
    tokenizer = find_inverter(study, cell.inverter).tokenizer
    documents = cells.documents_file(cell.corpus)
    learnt = cells.tokenizer_file(cell.corpus, tokenizer)
    texts = cells.passages_folder(cell.corpus, tokenizer, cell.length) / "test.parquet"
    embedded = cells.embeddings_folder(cell.corpus, tokenizer, cell.length, cell.embedder)
    reduced = _reduction(study, cell)
    nearest = reduced.with_name("nearest.parquet")
    yield Product("corpus", documents, partial(specs.corpus, study, cell.corpus))
    tell = partial(specs.tokenizer, study, tokenizer)
    yield Product("tokenizer", learnt, tell, sources=(documents,))
    tell = partial(specs.passages, study, cell.corpus, cell.length)
    yield Product("passages", texts, tell, sources=(documents, learnt))
    tell = partial(specs.embed, study, cell.embedder, cell.length)
    yield _with_costs("embeddings", embedded, tell, sources=(texts,))
    tell = partial(specs.reduction, study, cell.embedder, str(cell.reduction))
    yield Product("reduction", reduced, tell, sources=(embedded / COSTS,))
    yield Product("nearest", nearest, _nearest_spec, sources=(reduced,))


def _trained(study: Study, cell: Cell) -> Iterator[Product]:
    owner = cell.hypothesized_by(cells.owners(study))
    tokenizer = find_inverter(study, cell.inverter).tokenizer
    texts = cells.passages_folder(cell.corpus, tokenizer, cell.length) / "test.parquet"
    made = (
        ("null_model", owner.null_model, texts),
        ("hypothesizer", owner.folder, _reduction(study, cell)),
    )
    for model, folder, source in made:
        tell = partial(specs.training, study, owner.inverter, model, owner.seed)
        step = model.replace("_", " ")
        yield _with_costs(step, folder / model, tell, "history.csv", sources=(source,))


def _corrected(study: Study, cell: Cell) -> Iterator[Product]:
    guesses = cell.folder / "hypotheses"
    tell = partial(specs.hypotheses, study, cell.inverter, cell.embedder, cell.seed)
    source = _hypothesizer(study, cell)
    yield _with_costs("hypotheses", guesses, tell, "cosines.json", sources=(source,))
    tell = partial(specs.corrector, study, cell.inverter, cell.embedder, cell.seed)
    sources = (guesses / COSTS,)
    yield _with_costs("corrector", cell.folder / "corrector", tell, "history.csv", sources=sources)


def _inverted(study: Study, inversion: Inversion) -> Iterator[Product]:
    cell = inversion.cell
    last = cell.folder / "corrector" / COSTS if inversion.rounds else _hypothesizer(study, cell)
    target = list(_target(study, inversion))
    yield from target
    tell = partial(
        specs.invert,
        study,
        cell.embedder,
        str(inversion.search),
        inversion.beam,
        inversion.rounds,
        inversion.passages,
        str(inversion.perturbation),
        cell.seed,
    )
    sources = (last, *(product.made for product in target))
    trace = inversion.trace.name
    yield _with_costs("inversions", inversion.folder, tell, trace, sources=sources)


def _target(study: Study, inversion: Inversion) -> Iterator[Product]:
    """Of an inversion of test passages that are not its cell's own."""
    cell, target = inversion.cell, inversion.target
    if target.own_of(cell):
        return
    tokenizer = find_inverter(study, cell.inverter).tokenizer
    documents = cells.documents_file(target.corpus)
    folder = cells.targets_folder(cell.corpus, tokenizer, target)
    texts = folder / "test.parquet"
    yield Product("corpus", documents, partial(specs.corpus, study, target.corpus))
    tell = partial(specs.target_passages, study, target.corpus, target.length)
    sources = (documents, cells.tokenizer_file(cell.corpus, tokenizer))
    yield Product("passages", texts, tell, sources=sources)
    tell = partial(specs.embed, study, cell.embedder, target.length)
    yield _with_costs("embeddings", folder / cell.embedder, tell, sources=(texts,))


def _retrieved(study: Study) -> Iterator[Product]:
    for point in cells.retrievals(study):
        embedded = point.folder / COSTS
        names = point.retrieval_set, point.embedder
        tell = partial(specs.embed_retrieval, study, *names)
        yield Product("retrieval embeddings", embedded, tell)
        told = *names, str(point.reduction), str(point.perturbation)
        tell = partial(specs.score_retrieval, study, *told)
        yield Product("retrieval", point.scores, tell, sources=(embedded,))


def _reduction(study: Study, cell: Cell) -> Path:
    tokenizer = find_inverter(study, cell.inverter).tokenizer
    embedded = cells.embeddings_folder(cell.corpus, tokenizer, cell.length, cell.embedder)
    return embedded / str(cell.reduction) / "reduction.safetensors"


def _hypothesizer(study: Study, cell: Cell) -> Path:
    owner = cell.hypothesized_by(cells.owners(study))
    return owner.folder / "hypothesizer" / COSTS


def _with_costs(
    step: str, folder: Path, tell: Callable[[], Spec], *names: str, sources: tuple[Path, ...]
) -> Product:
    made = folder / COSTS
    return Product(step, made, tell, (*(folder / name for name in names), made), sources)
