"""Corpora: named sources of documents, and how to read one by its entry.

A kind is a module here with a function `read(name, entry)` that yields rows, a line in `MODULES`,
and an entry class in `textback/config/corpora.py`.
"""

import itertools
import unicodedata
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from textback.config import Corpus
from textback.corpora.files import list_files, matching_files
from textback.errors import TextbackError

MODULES = {"files": "files", "huggingface": "huggingface", "package": "package"}

Row = tuple[str, str]  # of which document, and the text as it is


def read_rows(name: str, entry: Corpus) -> Iterator[Row]:
    """Yield (document, text) of each row of the source, or file of plain text, in its order.

    Raises TextbackError where the source is missing, or something in it is not text.
    """
    module = import_module(f"textback.corpora.{MODULES[entry.kind]}")
    yield from itertools.islice(module.read(name, entry), entry.limit)


def own_files(name: str, entry: Corpus) -> list[Path]:
    """The user's own files that a corpus is read from, which may change; none of other kinds.

    Raises TextbackError where a folder of files is missing or has none that matches.
    """
    if entry.kind == "files":
        return matching_files(name, entry, Path(entry.folder))
    if entry.kind == "huggingface":
        return list_files(Path(entry.dataset), "**/*")
    return []


def names_files(name: str, entry: Corpus) -> list[Path]:
    """The corpus's list of names, if it has one. Raises TextbackError where it is missing."""
    if entry.names is None:
        return []
    if not Path(entry.names).is_file():
        raise TextbackError(
            f"corpus '{name}': names: file {entry.names} does not exist: write it, a name a line, "
            "or leave the key out (see docs/entities.md)"
        )
    return [Path(entry.names)]


def normalise(text: str, lowercase: bool) -> str:
    """NFC, runs of white space as one space, lowercased on demand."""
    text = " ".join(unicodedata.normalize("NFC", text).split())
    return text.lower() if lowercase else text
