"""Lines of files that users bring: UTF-8, perhaps compressed, and JSON with mended texts."""

import codecs
import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from textback.errors import TextbackError

SURROGATE = re.compile("[\ud800-\udfff]")


def read_lines(path: Path, label: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a UTF-8 file (.gz or not), with their numbers from 1 and their ends.

    A byte order mark is left out. label: the file, for the message.

    Raises TextbackError where a line is not UTF-8; OSError, EOFError or zlib.error where the file
    cannot be read.
    """
    with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            try:
                yield number, line.decode("utf-8")
            except UnicodeDecodeError:
                raise TextbackError(
                    f"{label} line {number} is not UTF-8: convert the file"
                ) from None


def read_json_line(line: str) -> Any:
    r"""A line's value, U+FFFD in place of what is no character. Raises ValueError if not JSON.

    JSON can write halves of a character (a lone "\ud800"), and dumps do; no UTF-8 text has them.
    """
    value = json.loads(line)
    if "\\ud" not in line.lower():
        return value
    return json.loads(SURROGATE.sub("\ufffd", json.dumps(value, ensure_ascii=False)))
