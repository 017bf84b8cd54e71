"""Documents: a corpus on disk, each text once, divided into splits; bounded in memory at any size.

A parquet file of rows with `id` (the source's document), `text`, `split` and `characters`. A row is
a whole document, one of its paragraphs, or a part of either that is longer than LONGEST; all rows
of a document are in the same split. In memory lie a few texts, and of every row two checksums.
"""

import random
import re
from array import array
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from textback.cells import SPLITS
from textback.config import Corpus, CorpusEntry
from textback.corpora import normalise, read_rows
from textback.errors import TextbackError
from textback.files import replacing

LONGEST = 1_000_000  # characters of a row; a longer text is cut
ROW_GROUP = 8_000_000  # characters that are read and written at a time
DUPLICATE = -1
UNDIVIDED = pa.schema({"id": pa.string(), "text": pa.string()})
DIVIDED = UNDIVIDED.append(pa.field("split", pa.string())).append(
    pa.field("characters", pa.int32())
)

Texts = pa.StringArray


def write_documents(name: str, entry: Corpus, path: Path) -> None:
    """Read a corpus, drop texts that occurred before, and divide it by whole documents.

    Texts are NFC, have single spaces for white space and are lowercased where the corpus says so.
    Two texts are held for equal by 64 bits of a checksum: of ten million texts one is lost by
    chance with a probability of 3e-6.

    Raises TextbackError where the source cannot be read, is empty, or too small to divide.
    """
    undivided = path.with_name(f".{path.name}.undivided")
    with replacing(path) as temporary:
        try:
            texts, documents = _write_rows(_rows(name, entry), undivided)
            splits = _divide(name, entry, texts, documents)
            _write_divided(undivided, splits, temporary)
        finally:
            undivided.unlink(missing_ok=True)


def read_texts(path: Path, split: str) -> Iterator[Texts]:
    """Yield the texts of a split, some at a time, in the order of the documents.

    Raises TextbackError where the file is missing or broken.
    """
    for group in _row_groups(path, ["text", "split"]):
        rows = group.filter(pc.field("split") == split)
        if len(rows):
            yield rows["text"].combine_chunks()


def sample_texts(path: Path, split: str, characters: int, seed: int) -> Iterator[Texts]:
    """Yield texts of a split, some at a time: the first of a shuffled order that fill `characters`.

    All of them where the split has no more. Raises TextbackError as `read_texts` does.
    """
    sizes = row_sizes(path, split)
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(sizes))
    before = np.cumsum(sizes[rows]) - sizes[rows]
    chosen = np.zeros(len(sizes), bool)
    chosen[rows[before < characters]] = True
    start = 0
    for group in _row_groups(path, ["text"]):
        mask = pa.array(chosen[start : start + len(group)])
        yield group["text"].combine_chunks().filter(mask)
        start += len(group)


def cased_texts(name: str, entry: Corpus, path: Path) -> Iterator[str]:
    """Yield the texts of all splits with their case, some of them twice.

    They come from the source once more where the documents, at `path`, are lowercased.
    Raises TextbackError as `read_texts` does, or where the source cannot be read.
    """
    if entry.lowercase:
        cased = entry.model_copy(update={"lowercase": False})
        yield from (text for _, text in _rows(name, cased))
        return
    for split in SPLITS:
        yield from (text for texts in read_texts(path, split) for text in texts.to_pylist())


def row_sizes(path: Path, split: str) -> np.ndarray:
    """The characters of every row, (n,) int64, 0 where it is of another split.

    Raises TextbackError as `read_texts` does.
    """
    sizes = []
    for group in _row_groups(path, ["split", "characters"]):
        own = pc.equal(group["split"], split)
        sizes.append(pc.if_else(own, group["characters"], 0).to_numpy())
    return np.concatenate(sizes).astype(np.int64)


def _row_groups(path: Path, columns: list[str]) -> Iterator[pa.Table]:
    try:
        with pq.ParquetFile(path) as file:
            for number in range(file.num_row_groups):
                yield file.read_row_group(number, columns)
    except (OSError, pa.ArrowInvalid) as error:
        raise TextbackError(
            f"{path}: cannot be read ({error}): run the step that makes it"
        ) from None


def _rows(name: str, entry: CorpusEntry) -> Iterator[tuple[str, str]]:
    """Yield (document, text), the text in its normal form and never empty."""
    for document, raw in read_rows(name, entry):
        for paragraph in _paragraphs(raw, entry.paragraphs):
            for part in _parts(paragraph):
                text = normalise(part, entry.lowercase)
                if text:
                    yield document, text


def _paragraphs(text: str, kind: str | None) -> list[str]:
    """The paragraphs of a text that are parted by `lines` or by `blank-lines`; by None: itself."""
    if kind is None:
        return [text]
    return text.split("\n") if kind == "lines" else re.split(r"\n\s*\n", text)


def _parts(text: str) -> Iterator[str]:
    """A text in parts of at most LONGEST characters, cut at a space or a line's end."""
    start = 0
    while len(text) - start > LONGEST:
        limit = start + LONGEST
        cut = max(text.rfind(" ", start, limit), text.rfind("\n", start, limit))
        end = cut if cut > start else limit
        yield text[start:end]
        start = end
    yield text[start:]


def _write_rows(rows: Iterator[tuple[str, str]], path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Write rows as they come; returns checksums of their texts and their documents, (n,) each."""
    checksums = array("Q"), array("Q")
    with pq.ParquetWriter(path, UNDIVIDED, compression="zstd") as writer:
        for documents, texts in _groups(rows):
            writer.write_table(pa.table([documents, texts], schema=UNDIVIDED))
            checksums[0].extend(map(_checksum, texts))
            checksums[1].extend(map(_checksum, documents))
    return np.array(checksums[0], np.uint64), np.array(checksums[1], np.uint64)


def _groups(rows: Iterator[tuple[str, str]]) -> Iterator[tuple[list[str], list[str]]]:
    """Documents and texts of as many rows as have ROW_GROUP characters."""
    documents: list[str] = []
    texts: list[str] = []
    characters = 0
    for document, text in rows:
        documents.append(document)
        texts.append(text)
        characters += len(text)
        if characters >= ROW_GROUP:
            yield documents, texts
            documents, texts, characters = [], [], 0
    if texts:
        yield documents, texts


def _checksum(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def _divide(name: str, entry: CorpusEntry, texts: np.ndarray, documents: np.ndarray) -> np.ndarray:
    """The split of each row, (n,), as its place in SPLITS, or DUPLICATE, from checksums."""
    kept = np.sort(np.unique(texts, return_index=True)[1])
    if not len(kept):
        raise TextbackError(
            f"corpus '{name}': no document has any text: check what its entry names"
        )
    _, first, which = np.unique(documents[kept], return_index=True, return_inverse=True)
    number = np.argsort(np.argsort(first))[which]  # of each row's document, in the source's order
    splits = np.full(len(texts), DUPLICATE, np.int8)
    splits[kept] = _shuffled(name, entry, len(first))[number]
    return splits


def _shuffled(name: str, entry: CorpusEntry, documents: int) -> np.ndarray:
    """The split of each document, shuffled with a seed: the shares asked for, at least one each."""
    test = max(1, round(documents * entry.split.test))
    validation = max(1, round(documents * entry.split.validation))
    if documents < test + validation + 1:
        raise TextbackError(
            f"corpus '{name}': {documents} document(s) cannot be divided into train, validation "
            "and test: give it three or more (files of plain text, or rows of a .jsonl, .csv, "
            ".parquet or dataset)"
        )
    splits = [SPLITS.index("test")] * test + [SPLITS.index("validation")] * validation
    splits += [SPLITS.index("train")] * (documents - len(splits))
    random.Random(entry.split.seed).shuffle(splits)
    return np.array(splits, np.int8)


def _write_divided(undivided: Path, splits: np.ndarray, path: Path) -> None:
    """Write the rows that are no duplicates, with their splits."""
    names = pa.array(SPLITS)
    start = 0
    with pq.ParquetWriter(path, DIVIDED, compression="zstd") as writer:
        for group in _row_groups(undivided, ["id", "text"]):
            codes = splits[start : start + len(group)]
            start += len(group)
            kept = codes != DUPLICATE
            rows = group.filter(pa.array(kept))
            characters = pc.utf8_length(rows["text"])
            columns = [rows["id"], rows["text"], names.take(pa.array(codes[kept])), characters]
            writer.write_table(pa.table(columns, schema=DIVIDED))
