"""The catalogue of retrieval sets: what is searched, to measure how useful embeddings stay."""

from typing import Annotated

from pydantic import Field, StringConstraints

from textback.config.section import DOWNLOAD, Megabytes, Section


class RetrievalSet(Section):
    """A folder in the layout of BEIR: corpus.jsonl, queries.jsonl, qrels/<split>.tsv."""

    folder: str
    split: Annotated[str, StringConstraints(pattern=r"^[\w.-]+$")] = Field(
        "test", description="which of its qrels"
    )
    source: str | None = Field(None, description="where a user gets the folder, for the error")
    download: Megabytes | None = Field(None, description=DOWNLOAD)
