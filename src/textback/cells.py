"""The grid: which cells a study has, and where each product of a cell lies.

Paths hold everything that makes a product what it is, so that studies which overlap share files
and nothing is trained twice. Everything is relative to the working directory.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from textback.config import Axes, Evaluation, Study
from textback.errors import TextbackError
from textback.perturbations import Perturbation

RESULTS = Path("results")
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, order=True)
class Reduction:
    """How the native embedding is made smaller: `native`, or a kind with its dimension."""

    kind: str
    dimension: int | None = None

    def __str__(self) -> str:
        """`native`, or kind and dimension, e.g. `pca64`."""
        return self.kind if self.dimension is None else f"{self.kind}{self.dimension}"

    @classmethod
    def parse(cls, text: str) -> "Reduction":
        """The inverse of `str`. Raises TextbackError for anything else."""
        match = re.fullmatch(r"(native)|(pca|prefix|random)([1-9]\d*)", text)
        if match is None:
            raise TextbackError(f"unknown reduction '{text}': write 'native' or e.g. 'pca64'")
        return cls("native") if match[1] else cls(match[2], int(match[3]))


@dataclass(frozen=True, order=True)
class Cell:
    """One point of the grid: corpus × embedder × length × reduction × inverter × seed."""

    corpus: str
    embedder: str
    length: int
    reduction: Reduction
    inverter: str
    seed: int

    def __str__(self) -> str:
        """The cell's name, as it stands in paths below `results/cells/`."""
        return (
            f"{self.corpus}/{self.embedder}/len{self.length}/{self.reduction}"
            f"/{self.inverter}/seed{self.seed}"
        )

    @property
    def folder(self) -> Path:
        """Where the cell's models and inversions lie."""
        return RESULTS / "cells" / str(self)

    @property
    def null_model(self) -> Path:
        """Where the null model lies, shared by every embedder and reduction."""
        parts = (self.corpus, f"len{self.length}", self.inverter, f"seed{self.seed}")
        return RESULTS.joinpath("null_models", *parts)

    def inversion(self, mode: str, beam: int, rounds: int, passages: int) -> Path:
        """The folder of one inversion: the trace and its costs."""
        name = f"{mode}-beam{beam}-rounds{rounds}-passages{passages}"
        return self.folder / "inversions" / name

    def columns(self) -> dict[str, str | int]:
        """The cell's columns in the tables."""
        return {
            "corpus": self.corpus,
            "embedder": self.embedder,
            "length": self.length,
            "reduction": self.reduction.kind,
            "inverter": self.inverter,
            "seed": self.seed,
        }

    def dimension(self, study: Study) -> int:
        """The number of components the inverter sees."""
        return self.reduction.dimension or study.embedders[self.embedder].dimension


@dataclass(frozen=True, order=True)
class Retrieval:
    """One measurement of retrieval: set × embedder × reduction × perturbation of the documents."""

    retrieval_set: str
    embedder: str
    reduction: Reduction
    perturbation: Perturbation

    @property
    def folder(self) -> Path:
        """Where the native embeddings lie, shared by every reduction and perturbation."""
        return RESULTS / "retrieval" / self.retrieval_set / self.embedder

    @property
    def scores(self) -> Path:
        """Where every query's scores lie."""
        return self.folder / str(self.reduction) / f"{self.perturbation}.json"

    def columns(self) -> dict[str, str]:
        """Its columns in the table of retrieval."""
        return {
            "retrieval_set": self.retrieval_set,
            "embedder": self.embedder,
            "reduction": self.reduction.kind,
            "perturbation": str(self.perturbation),
        }


def reductions(study: Axes) -> list[Reduction]:
    """The reductions of a study: kinds × dimensions, where `native` has no dimension to choose."""
    return [
        Reduction(kind, dimension)
        for kind in study.reductions
        for dimension in ([None] if kind == "native" else study.dimensions)
    ]


def grid(study: Axes) -> Iterator[Cell]:
    """All cells of a study, in the order of its axes."""
    axes = product(
        study.use_corpora,
        study.use_embedders,
        study.lengths,
        reductions(study),
        study.use_inverters,
        study.seeds,
    )
    return (Cell(*point) for point in axes)


def retrievals(study: Axes) -> Iterator[Retrieval]:
    """All measurements of retrieval of a study, in the order of its axes."""
    axes = product(
        study.use_retrieval_sets,
        study.use_embedders,
        reductions(study),
        map(Perturbation.parse, study.perturbations),
    )
    return (Retrieval(*point) for point in axes)


def inversion_of(cell: Cell, beam: int, evaluation: Evaluation) -> Path:
    """The folder of the inversion that an evaluation asks for."""
    return cell.inversion(evaluation.mode, beam, evaluation.rounds, evaluation.passages)


def documents_file(corpus: str) -> Path:
    """Where a corpus's documents lie."""
    return RESULTS / "corpora" / corpus / "documents.parquet"


def words_file(corpus: str) -> Path:
    """Where a corpus's words lie, with their counts and which are names."""
    return RESULTS / "corpora" / corpus / "words.parquet"


def tokenizer_file(corpus: str, tokenizer: str) -> Path:
    """Where the tokenizer of a corpus lies, trained on it or pretrained."""
    return RESULTS / "tokenizers" / corpus / tokenizer / "tokenizer.json"


def passages_folder(corpus: str, tokenizer: str, length: int) -> Path:
    """Where the passages of one length lie, a parquet file a split."""
    return RESULTS / "passages" / corpus / tokenizer / f"len{length}"


def embeddings_folder(corpus: str, tokenizer: str, length: int, embedder: str) -> Path:
    """Where the passages' embeddings lie, a safetensors file a split."""
    return RESULTS / "embeddings" / corpus / tokenizer / f"len{length}" / embedder


def study_folder(study: str) -> Path:
    """Where a study's table, figures and report lie."""
    return RESULTS / "studies" / study
