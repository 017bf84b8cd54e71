"""Files of a folder: plain text, or rows of .jsonl, .csv, .tsv or .parquet."""

from collections.abc import Iterator
from pathlib import Path

from textback.config.corpora import CorpusEntry, Files, Package
from textback.corpora.formats import read_file
from textback.errors import TextbackError


def read(name: str, entry: Files) -> Iterator[tuple[str, str]]:
    """See `textback.corpora.read_rows`."""
    return read_folder(name, entry, Path(entry.folder))


def read_folder(name: str, entry: Files | Package, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield (document, text) of the matching files' rows, in the order of the files' names.

    A document is named by its file below the folder, a row also by its number or its `id_column`.

    Raises TextbackError where there is no such file, or one cannot be read (see `read_file`).
    """
    for path in matching_files(name, entry, folder):
        yield from read_file(name, entry, path, path.relative_to(folder).as_posix())


def matching_files(name: str, entry: Files | Package, folder: Path) -> list[Path]:
    """The entry's files below a folder, by name. Raises TextbackError where there is none."""
    if not folder.is_dir():
        raise TextbackError(
            f"corpus '{name}': folder {folder} does not exist: correct the path{_origin(entry)}"
        )
    try:
        files = list_files(folder, entry.glob)
    except (NotImplementedError, ValueError):
        raise TextbackError(
            f"corpus '{name}': glob '{entry.glob}' is no pattern of files below a folder: write "
            "e.g. '**/*.txt'"
        ) from None
    if not files:
        raise TextbackError(
            f"corpus '{name}': folder {folder} has no file '{entry.glob}': add files or change the "
            f"glob{_origin(entry)}"
        )
    return files


def list_files(folder: Path, glob: str) -> list[Path]:
    """The files below a folder that match a pattern, by name."""
    return sorted(path for path in folder.glob(glob) if path.is_file())


def _origin(entry: CorpusEntry) -> str:
    return "" if entry.source is None else f", or get the texts: {' '.join(entry.source.split())}"
