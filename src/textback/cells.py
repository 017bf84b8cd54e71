"""The grid: which cells a study has, and where each product of a cell lies.

Paths hold everything that makes a product what it is, so that studies which overlap share files
and nothing is trained twice. Everything is relative to the working directory.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from textback.config import Axes, Part, Study, parts
from textback.errors import TextbackError
from textback.perturbations import Perturbation
from textback.searches import Search

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

    def hypothesized_by(self, owners: Mapping[str, str]) -> "Cell":
        """The cell whose hypothesizer and null model it has: of the inverter that owns its own's.

        owners: of each inverter, see `owners`
        """
        return replace(self, inverter=owners[self.inverter])

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

    def row(self, study: Study) -> dict[str, str | int]:
        """Its columns in the tables of a study, the dimension among them."""
        return self.columns() | {"dim": self.dimension(study)}


@dataclass(frozen=True, order=True)
class Target:
    """Whose test passages an inversion reads back: a corpus and a length in tokens."""

    corpus: str
    length: int

    def __str__(self) -> str:
        """Its name in paths."""
        return f"{self.corpus}-len{self.length}"

    def own_of(self, cell: Cell) -> bool:
        """Whether these are the cell's own test passages."""
        return (self.corpus, self.length) == (cell.corpus, cell.length)


@dataclass(frozen=True, order=True)
class Inversion:
    """One inversion with a cell's inverter: search × beam × target × perturbation."""

    cell: Cell
    search: Search
    beam: int
    rounds: int
    passages: int
    target: Target
    perturbation: Perturbation

    @property
    def folder(self) -> Path:
        """Where the trace and its costs lie."""
        search = f"{self.search}-beam{self.beam}-rounds{self.rounds}-passages{self.passages}"
        below = Path(search, str(self.target), str(self.perturbation))
        return self.cell.folder / "inversions" / below

    @property
    def trace(self) -> Path:
        """Where the trace lies."""
        return self.folder / "trace.parquet"

    @property
    def plain(self) -> bool:
        """Whether it inverts the cell's own test embeddings as they are."""
        return self.target.own_of(self.cell) and self.perturbation == Perturbation("none")

    def columns(self) -> dict[str, str | int]:
        """What tells it from the other inversions of its cell in the tables."""
        return {
            "target_corpus": self.target.corpus,
            "target_length": self.target.length,
            "search": self.search.label,
            "perturbation": str(self.perturbation),
            "beam": self.beam,
        }


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


def grid(study: Study) -> list[Cell]:
    """All cells of a study, each once, in the order of its parts and axes."""
    return list(dict.fromkeys(c for part in parts(study).values() for c in cells_of(part)))


def cells_of(part: Axes) -> Iterator[Cell]:
    """The cells of one part, in the order of its axes."""
    axes = product(
        part.use_corpora,
        part.use_embedders,
        part.lengths,
        reductions(part),
        part.use_inverters,
        part.seeds,
    )
    return (Cell(*point) for point in axes)


def inversions(study: Study) -> list[Inversion]:
    """All inversions of a study, each once."""
    found = (
        inversion
        for part in parts(study).values()
        for cell in cells_of(part)
        for inversion in inversions_of(part, cell)
    )
    return list(dict.fromkeys(found))


def inversions_of(part: Part, cell: Cell) -> Iterator[Inversion]:
    """The inversions of one cell of a part, in the order of its axes."""
    axes = product(
        part.target_corpora or [cell.corpus],
        part.target_lengths or [cell.length],
        map(Perturbation.parse, part.perturbations),
        part.beams,
    )
    search = Search.of(part.evaluation)
    rounds, passages = part.evaluation.rounds, part.evaluation.passages
    return (
        Inversion(cell, search, beam, rounds, passages, Target(corpus, length), perturbation)
        for corpus, length, perturbation, beam in axes
    )


def retrievals(study: Study) -> list[Retrieval]:
    """All measurements of retrieval of a study, each once."""
    return list(dict.fromkeys(r for part in parts(study).values() for r in retrievals_of(part)))


def retrievals_of(part: Axes) -> Iterator[Retrieval]:
    """The measurements of retrieval of one part, in the order of its axes."""
    axes = product(
        part.use_retrieval_sets,
        part.use_embedders,
        reductions(part),
        map(Perturbation.parse, part.perturbations),
    )
    return (Retrieval(*point) for point in axes)


def owners(study: Study) -> dict[str, str]:
    """Of each inverter of the catalogue the one whose null model and hypothesizer it has."""
    return {name: entry.hypothesizer_of or name for name, entry in study.inverters.items()}


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


def targets_folder(corpus: str, tokenizer: str, target: Target) -> Path:
    """Where test passages lie that are not a cell's own, in tokens of the cell's tokenizer.

    Their embeddings lie below, in a folder an embedder.
    """
    return RESULTS / "targets" / corpus / tokenizer / str(target)


def study_folder(study: str) -> Path:
    """Where a study's table, figures and report lie."""
    return RESULTS / "studies" / study
