"""One file's texts, by its ending: .jsonl, .csv, .tsv and .parquet have rows, others plain text.

All but .parquet may be compressed (.gz). Rows are read a few at a time; a file of plain text lies
in memory while it is read. Rows whose text is null are left out.
"""

import codecs
import csv
import gzip
import json
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
            yield label, "".join(line for _, line in _lines(name, path))
            return
        for place, number, row in rows:
            yield from columns.read(row, place, f"{label}:{number}")
    except (OSError, EOFError, zlib.error, csv.Error, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        raise TextbackError(f"corpus '{name}': {path} cannot be read ({reason}): mend it") from None


Rows = Iterator[tuple[str, int, Mapping[str, Any]]]  # where, its number, and the row's columns


def _json_rows(name: str, path: Path) -> Rows:
    for number, line in _lines(name, path):
        if not line.strip():
            continue
        place = f"{path} line {number}"
        try:
            row = json.loads(line)
        except ValueError as error:
            raise TextbackError(
                f"corpus '{name}': {place} is not JSON ({error}): a .jsonl has an object a line"
            ) from None
        if not isinstance(row, dict):
            raise TextbackError(f"corpus '{name}': {place} is no object: write {{\"text\": …}}")
        yield place, number, row


def _csv_rows(name: str, path: Path, delimiter: str) -> Rows:
    """The first line names the columns."""
    csv.field_size_limit(sys.maxsize)  # else no field may be longer than 131,072 characters
    reader = csv.DictReader((line for _, line in _lines(name, path)), delimiter=delimiter)
    for row in reader:
        yield f"{path} line {reader.line_num}", reader.line_num, row


def _parquet_rows(columns: Columns, path: Path) -> Rows:
    with pq.ParquetFile(path) as file:
        columns.check(file.schema_arrow.names, str(path))
        number = 0
        for batch in file.iter_batches(BATCH, columns=columns.names):
            for row in batch.to_pylist():
                number += 1
                yield f"{path} row {number}", number, row


def _lines(name: str, path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 file with their numbers, without a byte order mark."""
    with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            try:
                yield number, line.decode("utf-8")
            except UnicodeDecodeError:
                raise TextbackError(
                    f"corpus '{name}': {path} line {number} is not UTF-8: convert the file"
                ) from None
