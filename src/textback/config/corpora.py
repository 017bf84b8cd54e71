"""The catalogue of corpora: an entry class a kind, each with the keys that kind needs."""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from textback.config.section import DOWNLOAD, Fraction, Megabytes, Positive, Section


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


class CorpusEntry(Section):
    """What every corpus says of its documents, wherever they come from."""

    text_column: str = Field("text", description="of rows: the column that holds the text")
    id_column: str | None = Field(
        None, description="of rows: rows with the same value are one document; null: each is one"
    )
    paragraphs: Literal["lines", "blank-lines"] | None = Field(
        None, description="what parts a document's paragraphs, no passage spanning two; null: none"
    )
    lowercase: bool = Field(False, description="for uncased embedders")
    limit: Positive | None = Field(
        None, description="rows, or files of plain text, read from the head; null: all"
    )
    names: str | None = Field(
        None, description="a file with a name a line, first name first, whose recall is measured"
    )
    source: str | None = Field(
        None, description="where a stranger gets the texts; shown where they are missing"
    )
    split: Split = Split()
    passages: PassageCounts = PassageCounts()


class Package(CorpusEntry):
    """Files inside an installed Python package."""

    kind: Literal["package"]
    package: str = Field(description="its import name")
    folder: str = Field(".", description="inside the package")
    glob: str = Field("**/*.txt", description="which files below the folder")


class Files(CorpusEntry):
    """Files of your own: plain text, or rows of .jsonl, .csv, .tsv or .parquet."""

    kind: Literal["files"]
    folder: str
    glob: str = Field("**/*.txt", description="which files below the folder")


class HuggingFace(CorpusEntry):
    """A dataset of the datasets library: on the hub, or in a folder."""

    kind: Literal["huggingface"]
    dataset: str = Field(
        description="hub id, or a folder: written by `save_to_disk`, or a dataset's own files"
    )
    name: str | None = Field(None, description="which of the dataset's configurations")
    hub_split: str = Field("train", description="which of its splits is divided; also a+b")
    revision: str | None = Field(None, description="on the hub: a commit, tag or branch")
    streaming: bool = Field(False, description="read from the hub as it goes, keeping no copy")
    download: Megabytes | None = Field(None, description=DOWNLOAD)


Corpus = Annotated[Package | Files | HuggingFace, Field(discriminator="kind")]

_ADAPTER: TypeAdapter[Corpus] = TypeAdapter(Corpus)


def read_corpus(entry: dict[str, Any]) -> Corpus:
    """The typed entry of a mapping that was checked before, such as a step's spec."""
    return _ADAPTER.validate_python(entry)
