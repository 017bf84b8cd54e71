"""The catalogue of corpora: where documents come from, and how they are divided and cut."""

from typing import Literal

from pydantic import Field

from textback.config.section import Fraction, Positive, Section


class Split(Section):
    """How a corpus is divided, by whole documents."""

    validation: Fraction = Field(0.05, description="share of the documents")
    test: Fraction = Field(0.1, description="share of the documents")
    seed: int = 0


class PassageCounts(Section):
    """How many passages of each length are drawn from each split."""

    train: Positive = 50_000
    validation: Positive = 500
    test: Positive = 500
    seed: int = 0


class Corpus(Section):
    """A named source of documents, one file a document."""

    kind: Literal["package", "files"]
    package: str | None = Field(None, description="kind package: the installed Python package")
    folder: str | None = Field(None, description="kind files: the folder; package: inside it")
    glob: str = Field("**/*.txt", description="which files below the folder are documents")
    lowercase: bool = Field(False, description="for uncased embedders")
    split: Split = Split()
    passages: PassageCounts = PassageCounts()
