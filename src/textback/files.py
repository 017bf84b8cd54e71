"""Files that are either whole or not there: written beside their place, then renamed into it."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from safetensors import SafetensorError

from textback.errors import TextbackError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it takes `path`'s place when the block ends well.

    The data is on disk before the name is, so a crash leaves the old file or the new one.
    Raises TextbackError where the disk is full or the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except (OSError, SafetensorError) as error:  # safetensors wraps what the system says
        problem = getattr(error, "strerror", None) or error
        raise TextbackError(
            f"{path}: cannot be written ({problem}): free some space or change the folder's "
            "rights, then run the same command again"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON with sorted keys."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read JSON. Raises TextbackError where the file is missing or broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TextbackError(f"{path}: {error.strerror}: run the step that makes it") from None
    except ValueError as error:
        raise TextbackError(f"{path}: not JSON ({error}): delete it and run again") from None


def read_table(
    path: Path, columns: list[str] | None = None, filters: list[tuple[str, str, Any]] | None = None
) -> pd.DataFrame:
    """Read a parquet table, or the columns and rows of it that `pandas.read_parquet` is asked for.

    Raises TextbackError where it is missing or broken.
    """
    try:
        return pd.read_parquet(path, columns=columns, filters=filters)
    except FileNotFoundError:
        raise TextbackError(f"{path}: there is no such table: run the step that makes it") from None
    except (OSError, pa.ArrowInvalid) as error:
        raise TextbackError(
            f"{path}: cannot be read ({error}): run the step that makes it"
        ) from None


def read_csv(path: Path) -> pd.DataFrame:
    """Read a table; empty texts stay empty. Raises TextbackError where it is missing or broken."""
    try:
        return pd.read_csv(path, keep_default_na=False, na_values=["nan"])
    except FileNotFoundError:
        raise TextbackError(f"{path}: there is no such table: run its study first") from None
    except (OSError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise TextbackError(f"{path}: cannot be read ({error}): run its study first") from None
