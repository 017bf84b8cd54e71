"""Corpora: named sources of documents, divided by document into train, validation and test."""

import random
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from textback.config import Corpus
from textback.corpora.files import read_folder
from textback.errors import TextbackError
from textback.packages import package_folder


def read_documents(name: str, corpus: Corpus) -> pd.DataFrame:
    """Read a corpus and divide it: a row a document, with id, text and split.

    Texts are NFC, have single spaces for white space and are lowercased where the corpus says so.
    A text that occurs twice is kept once, so that no split holds another's document.

    Raises TextbackError where the source is missing, empty or not UTF-8, or too small to divide.
    """
    texts: dict[str, str] = {}
    for identifier, raw in _source(name, corpus):
        text = normalise(raw, corpus.lowercase)
        if text:
            texts.setdefault(text, identifier)
    if not texts:
        raise TextbackError(f"corpus '{name}': no file has any text: check its folder and glob")
    frame = pd.DataFrame({"id": list(texts.values()), "text": list(texts)}).sort_values("id")
    frame["split"] = _split(name, len(frame), corpus)
    return frame.reset_index(drop=True)


def normalise(text: str, lowercase: bool) -> str:
    """NFC, runs of white space as one space, lowercased on demand."""
    text = " ".join(unicodedata.normalize("NFC", text).split())
    return text.lower() if lowercase else text


def _source(name: str, corpus: Corpus) -> Iterator[tuple[str, str]]:
    folder = Path(corpus.folder or ".")
    if corpus.kind == "package":
        folder = package_folder(name, str(corpus.package)) / folder
    return read_folder(name, folder, corpus.glob)


def _split(name: str, documents: int, corpus: Corpus) -> list[str]:
    """The split of each document: a seeded shuffle, then test, validation and the rest."""
    test = max(1, round(documents * corpus.split.test))
    validation = max(1, round(documents * corpus.split.validation))
    if documents < test + validation + 1:
        raise TextbackError(
            f"corpus '{name}': {documents} document(s) cannot be divided into train, validation "
            "and test: give it three or more files"
        )
    splits = ["test"] * test + ["validation"] * validation
    splits += ["train"] * (documents - len(splits))
    random.Random(corpus.split.seed).shuffle(splits)
    return splits
