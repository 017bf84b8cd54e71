"""The jobs of a study, each once however many cells share its product, and which are finished."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from textback.cells import (
    SPLITS,
    Cell,
    Reduction,
    documents_file,
    embeddings_folder,
    grid,
    inversion_of,
    passages_folder,
    retrievals,
    tokenizer_file,
)
from textback.config import Study
from textback.table import score_path

STEPS = (
    *("corpus", "tokenizer", "passages", "embed", "reduction", "nearest", "null_model"),
    *("hypothesizer", "hypotheses", "corrector", "invert", "score"),
    *("embed_retrieval", "score_retrieval"),
)
TRAININGS = ("null_model", "hypothesizer", "corrector")


@dataclass(frozen=True)
class Job:
    """One job: its step, the file that it ends with, and where in the grid it stands.

    What a step does not depend on is empty: a null model has no embedder, an embedding no inverter.
    """

    step: str
    product: Path
    corpus: str = ""
    tokenizer: str = ""
    length: int = 0
    embedder: str = ""
    reduction: Reduction | None = None
    inverter: str = ""
    beam: int = 0
    retrieval_set: str = ""

    @property
    def finished(self) -> bool:
        """Whether its product is there already."""
        return self.product.exists()


def jobs(study: Study) -> list[Job]:
    """The jobs of a study but its tables, figures and report, by step, in the order of the grid."""
    found = [job for cell in grid(study) for job in _of_cell(study, cell)]
    found += _of_retrieval(study)
    once = {job.product: job for job in found}
    return sorted(once.values(), key=lambda job: STEPS.index(job.step))


def _of_cell(study: Study, cell: Cell) -> Iterator[Job]:
    tokenizer = study.inverters[cell.inverter].tokenizer
    corpus, length, embedder = cell.corpus, cell.length, cell.embedder
    own = {"corpus": corpus, "tokenizer": tokenizer, "length": length}
    texts = passages_folder(corpus, tokenizer, length)
    vectors = embeddings_folder(corpus, tokenizer, length, embedder)
    yield Job("corpus", documents_file(corpus), corpus)
    yield Job("tokenizer", tokenizer_file(corpus, tokenizer), corpus, tokenizer)
    yield Job("passages", texts / f"{SPLITS[-1]}.parquet", **own)
    trained = own | {"inverter": cell.inverter}
    yield Job("null_model", cell.null_model / "null_model" / "costs.json", **trained)
    own |= {"embedder": embedder}
    yield Job("embed", vectors / "costs.json", **own)
    own |= {"reduction": cell.reduction}
    reduced = vectors / str(cell.reduction)
    yield Job("reduction", reduced / "reduction.safetensors", **own)
    yield Job("nearest", reduced / "nearest.parquet", **own)
    own |= {"inverter": cell.inverter}
    for step in ("hypothesizer", "hypotheses", "corrector"):
        yield Job(step, cell.folder / step / "costs.json", **own)
    for beam in study.beams:
        folder = inversion_of(cell, beam, study.evaluation)
        yield Job("invert", folder / "costs.json", **own, beam=beam)
    yield Job("score", score_path(study.study, cell), **own)


def _of_retrieval(study: Study) -> Iterator[Job]:
    for point in retrievals(study):
        own = {"retrieval_set": point.retrieval_set, "embedder": point.embedder}
        yield Job("embed_retrieval", point.folder / "costs.json", **own)
        yield Job("score_retrieval", point.scores, **own, reduction=point.reduction)
