"""Documents from a folder of UTF-8 text files, one file a document."""

from collections.abc import Iterator
from pathlib import Path

from textback.errors import TextbackError


def list_files(folder: Path, glob: str) -> list[Path]:
    """The files below a folder that match a pattern, by name."""
    return sorted(path for path in folder.glob(glob) if path.is_file())


def read_folder(name: str, folder: Path, glob: str) -> Iterator[tuple[str, str]]:
    """Yield (file name below the folder, text), in the order of the names.

    Raises TextbackError where the folder is missing, holds no such file, or a file is not UTF-8.
    """
    if not folder.is_dir():
        raise TextbackError(f"corpus '{name}': folder {folder} does not exist: correct the path")
    files = list_files(folder, glob)
    if not files:
        raise TextbackError(
            f"corpus '{name}': folder {folder} has no file '{glob}': add files or change the glob"
        )
    for path in files:
        try:
            yield path.relative_to(folder).as_posix(), path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise TextbackError(
                f"corpus '{name}': {path} is not UTF-8 (byte {error.start}): convert the file"
            ) from None
        except OSError as error:
            raise TextbackError(f"corpus '{name}': {path}: {error.strerror}") from None
