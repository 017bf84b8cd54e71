"""One file's texts, by its ending: .jsonl, .csv, .tsv and .parquet have rows, others plain text.

All but .parquet may be compressed (.gz). Rows are read a few at a time; a file of plain text lies
in memory while it is read. Rows whose text is null are left out.
"""

import csv
import sys
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from textback.config import CorpusEntry
from textback.corpora.rows import Columns
from textback.errors import TextbackError
from textback.lines import read_json_line, read_lines

DELIMITERS = {".csv": ",", ".tsv": "\t"}
BATCH = 64  # rows of a .parquet in memory


def read_file(name: str, entry: CorpusEntry, path: Path, label: str) -> Iterator[tuple[str, str]]:
    """Yield (document, text) of each row of a file, or of the whole plain text. label: of the file.

    Raises TextbackError, with file and line or row, where a column is missing, a text is no text,
    or the file is not UTF-8 or broken.
    """
    ending = Path(path.name.removesuffix(".gz")).suffix.lower()
    columns = Columns(name, entry)
    try:
        if ending == ".parquet":
            rows = _parquet_rows(columns, path)
        elif ending in DELIMITERS:
            rows = _csv_rows(name, path, DELIMITERS[ending])
        elif ending == ".jsonl":
            rows = _json_rows(name, path)
        else:
            yield label, "".join(line for _, line in read_lines(path, _label(name, path)))
            return
        for place, number, row in rows:
            yield from columns.read(row, place, f"{label}:{number}")
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        raise TextbackError(f"corpus '{name}': {path} cannot be read ({reason}): mend it") from None


Rows = Iterator[tuple[str, int, Mapping[str, Any]]]  # where, its number, and the row's columns


def _json_rows(name: str, path: Path) -> Rows:
    for number, line in read_lines(path, _label(name, path)):
        if not line.strip():
            continue
        place = f"{path} line {number}"
        try:
            row = read_json_line(line)
        except ValueError as error:
            raise TextbackError(
                f"corpus '{name}': {place} is not JSON ({error}): a .jsonl has an object a line"
            ) from None
        if not isinstance(row, dict):
            raise TextbackError(f"corpus '{name}': {place} is no object: write {{\"text\": …}}")
        yield place, number, row


def _csv_rows(name: str, path: Path, delimiter: str) -> Rows:
    """The first line names the columns. A row may have several lines; it must have every field."""
    csv.field_size_limit(sys.maxsize)  # else no field may be longer than 131,072 characters
    lines = (line for _, line in read_lines(path, _label(name, path)))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    names: list[str] = []
    begins = 1
    try:
        for fields in reader:
            place, begins = f"{path} line {begins}", reader.line_num + 1
            names = names or fields
            if len(fields) not in (0, len(names)):  # 0: a blank line
                raise TextbackError(
                    f"corpus '{name}': {place} has {len(fields)} fields instead of {len(names)}: "
                    "complete it, or quote a text that holds a delimiter"
                )
            if fields and fields is not names:
                yield place, reader.line_num, dict(zip(names, fields, strict=True))
    except csv.Error as error:
        raise TextbackError(
            f"corpus '{name}': {path} line {begins}: the row that begins here cannot be read "
            f"({error}): close its quotes, and write a quote within a text twice"
        ) from None


def _parquet_rows(columns: Columns, path: Path) -> Rows:
    with pq.ParquetFile(path) as file:
        columns.check(file.schema_arrow.names, str(path))
        number = 0
        for batch in file.iter_batches(BATCH, columns=columns.names):
            for row in batch.to_pylist():
                number += 1
                yield f"{path} row {number}", number, row


def _label(name: str, path: Path) -> str:
    return f"corpus '{name}': {path}"
