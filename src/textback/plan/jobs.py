"""The jobs of a study, each once however many cells share its product, and which are finished."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from textback import cells
from textback.cells import SPLITS, Cell, Inversion, Reduction
from textback.config import Part, Study, parts
from textback.outdated import outdated
from textback.sharing.places import imported
from textback.table import score_path

STEPS = (
    *("corpus", "tokenizer", "passages", "target_passages", "embed", "embed_target"),
    *("reduction", "nearest", "null_model", "hypothesizer", "hypotheses", "corrector"),
    *("invert", "score", "embed_retrieval", "score_retrieval"),
)
TRAININGS = ("null_model", "hypothesizer", "corrector")


@dataclass(frozen=True)
class Job:
    """One job: its step, the file that it ends with, and where in the grid it stands.

    What a step does not depend on is empty: a null model has no embedder, an embedding no inverter.
    Of a target, corpus and length are the target's. outdated: see `textback.outdated`
    """

    step: str
    product: Path
    corpus: str = ""
    tokenizer: str = ""
    length: int = 0
    embedder: str = ""
    reduction: Reduction | None = None
    inverter: str = ""
    inversion: Inversion | None = None
    retrieval_set: str = ""
    outdated: bool = False

    @property
    def finished(self) -> bool:
        """Whether its product is there already, of this configuration."""
        return self.product.exists() and not self.outdated


def jobs(study: Study) -> list[Job]:
    """The jobs of a study but its tables, figures and report, by step, in the order of the grid.

    Of a cell that was imported for its part there are its scores alone: nothing else is remade.
    """
    here = _made_here(study)
    inversions = [i for part, cell in here for i in cells.inversions_of(part, cell)]
    corrected = {inversion.cell for inversion in inversions if inversion.rounds > 0}
    grid = dict.fromkeys(cell for _, cell in here)
    found = [job for cell in grid for job in _of_cell(study, cell, cell in corrected)]
    found += [job for inversion in inversions for job in _of_inversion(study, inversion)]
    found += _scores(study)
    found += _of_retrieval(study)
    old = outdated(study)
    once = {job.product: replace(job, outdated=job.product in old) for job in found}
    return sorted(once.values(), key=lambda job: STEPS.index(job.step))


def _made_here(study: Study) -> list[tuple[Part, Cell]]:
    """The cells of every part but those that were imported for it."""
    return [
        (part, cell)
        for name, part in parts(study).items()
        for cell in cells.cells_of(part)
        if not imported(score_path(study.study, name, cell))
    ]


def _of_cell(study: Study, cell: Cell, corrected: bool) -> Iterator[Job]:
    """What one cell is made of. corrected: whether it needs a corrector."""
    tokenizer = study.inverters[cell.inverter].tokenizer
    owner = cell.hypothesized_by(cells.owners(study))
    corpus, length = cell.corpus, cell.length
    own = {"corpus": corpus, "tokenizer": tokenizer, "length": length}
    texts = cells.passages_folder(corpus, tokenizer, length)
    yield Job("corpus", cells.documents_file(corpus), corpus)
    yield Job("tokenizer", cells.tokenizer_file(corpus, tokenizer), corpus, tokenizer)
    yield Job("passages", texts / f"{SPLITS[-1]}.parquet", **own)
    null_model = owner.null_model / "null_model" / "costs.json"
    yield Job("null_model", null_model, **own, inverter=owner.inverter)
    own |= {"embedder": cell.embedder}
    vectors = cells.embeddings_folder(corpus, tokenizer, length, cell.embedder)
    yield Job("embed", vectors / "costs.json", **own)
    own |= {"reduction": cell.reduction}
    reduced = vectors / str(cell.reduction)
    yield Job("reduction", reduced / "reduction.safetensors", **own)
    yield Job("nearest", reduced / "nearest.parquet", **own)
    hypothesizer = owner.folder / "hypothesizer" / "costs.json"
    yield Job("hypothesizer", hypothesizer, **own, inverter=owner.inverter)
    for step in ("hypotheses", "corrector") if corrected else ():
        yield Job(step, cell.folder / step / "costs.json", **own, inverter=cell.inverter)


def _of_inversion(study: Study, inversion: Inversion) -> Iterator[Job]:
    """An inversion, and the test passages that it reads back where they are no cell's own."""
    cell, target = inversion.cell, inversion.target
    tokenizer = study.inverters[cell.inverter].tokenizer
    own = {"tokenizer": tokenizer, "corpus": target.corpus, "length": target.length}
    if not target.own_of(cell):
        folder = cells.targets_folder(cell.corpus, tokenizer, target)
        yield Job("corpus", cells.documents_file(target.corpus), target.corpus)
        yield Job("target_passages", folder / "test.parquet", **own)
        vectors = folder / cell.embedder / "costs.json"
        yield Job("embed_target", vectors, **own, embedder=cell.embedder)
    yield Job(
        "invert",
        inversion.folder / "costs.json",
        **own,
        embedder=cell.embedder,
        reduction=cell.reduction,
        inverter=cell.inverter,
        inversion=inversion,
    )


def _scores(study: Study) -> Iterator[Job]:
    for name, part in parts(study).items():
        for cell in cells.cells_of(part):
            yield Job("score", score_path(study.study, name, cell), cell.corpus)


def _of_retrieval(study: Study) -> Iterator[Job]:
    for point in cells.retrievals(study):
        own = {"retrieval_set": point.retrieval_set, "embedder": point.embedder}
        yield Job("embed_retrieval", point.folder / "costs.json", **own)
        yield Job("score_retrieval", point.scores, **own, reduction=point.reduction)
