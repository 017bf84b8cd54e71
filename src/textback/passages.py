"""Passages: windows of exactly `length` tokens that begin and end at word boundaries.

Stored a parquet file a split, with columns `text` and `ids`.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from textback.config import PassageCounts
from textback.errors import TextbackError
from textback.files import replacing
from textback.progress import log
from textback.tokenizer import Tokenizer

MAX_SHARE_LOST = 0.5  # of candidate windows, to the round trip, before something must be wrong


def draw_passages(
    documents: pd.DataFrame, tokenizer: Tokenizer, length: int, counts: PassageCounts
) -> dict[str, np.ndarray]:
    """Draw distinct passages of each split.

    documents: id, text, split, a row a document
    Returns token ids, (n, length) uint16 or uint32, a split each. No passage of validation or
    test occurs in train, nor one of test in validation; decode, then encode, gives the ids back.

    Raises TextbackError where a split has no passage of that length, or fewer than asked for in
    validation or test. Train takes what there is.
    """
    rng = np.random.default_rng([counts.seed, length])
    drawn: dict[str, np.ndarray] = {}
    held_out: set[str] = set()
    for split in ("test", "validation", "train"):
        wanted = getattr(counts, split)
        texts = documents.loc[documents["split"] == split, "text"].tolist()
        windows = _windows(texts, tokenizer, length)
        log.info("%s: %s distinct windows of %d tokens", split, f"{len(windows):,}", length)
        passages = _keep(rng.permutation(windows), tokenizer, held_out, wanted)
        if len(passages) == 0:
            raise TextbackError(
                f"length {length}: no {split} document has a passage of so many tokens: "
                "use a shorter length or longer documents"
            )
        if len(passages) < wanted and split != "train":
            raise TextbackError(
                f"length {length}: only {len(passages)} of {wanted} {split} passages exist: "
                f"lower passages.{split} or add documents"
            )
        held_out.update(tokenizer.decode_batch(passages.tolist()))
        drawn[split] = passages
    return drawn


def _windows(texts: Sequence[str], tokenizer: Tokenizer, length: int) -> np.ndarray:
    """All distinct windows that begin and end with whole words, (n, length)."""
    dtype = np.uint16 if tokenizer.size <= 2**16 else np.uint32
    opens_word = np.array(tokenizer.opens_word)
    windows = [np.empty((0, length), dtype)]
    for ids in tokenizer.encode_batch(texts):
        tokens = np.array(ids, dtype)
        if len(tokens) < length:
            continue
        boundary = np.append(opens_word[tokens], True)
        starts = np.flatnonzero(boundary[: len(tokens) - length + 1] & boundary[length:])
        windows.append(tokens[starts[:, None] + np.arange(length)])
    return np.unique(np.concatenate(windows), axis=0)


def _keep(windows: np.ndarray, tokenizer: Tokenizer, held_out: set[str], wanted: int) -> np.ndarray:
    """The first `wanted` windows that survive the round trip and are not held out."""
    kept, seen = [windows[:0]], 0
    for start in range(0, len(windows), 2 * wanted):
        chunk = windows[start : start + 2 * wanted]
        texts = tokenizer.decode_batch(chunk.tolist())
        again = tokenizer.encode_batch(texts)
        good = [
            text not in held_out and ids == window
            for text, ids, window in zip(texts, again, chunk.tolist(), strict=True)
        ]
        kept.append(chunk[good])
        seen += len(chunk)
        if sum(map(len, kept)) >= wanted:
            break
    passages = np.concatenate(kept)
    if seen and len(passages) < wanted and len(passages) < MAX_SHARE_LOST * seen:
        raise TextbackError(
            f"tokenizer: {seen - len(passages)} of {seen} passages change when decoded and "
            "encoded again: it does not fit this corpus, train another"
        )
    return passages[:wanted]


def write_passages(path: Path, ids: np.ndarray, tokenizer: Tokenizer) -> None:
    """Write passages with their texts."""
    column = pa.FixedSizeListArray.from_arrays(pa.array(ids.ravel()), ids.shape[1])
    table = pa.table({"text": tokenizer.decode_batch(ids.tolist()), "ids": column})
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_passages(path: Path) -> tuple[np.ndarray, list[str]]:
    """Read passages: their ids, (n, length), and texts."""
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise TextbackError(f"passages {path}: cannot be read ({error}): remake them") from None
    column = table["ids"].combine_chunks()
    ids = column.flatten().to_numpy().reshape(len(column), -1)
    return ids, table["text"].to_pylist()
