"""Passages: windows of exactly `length` tokens that begin and end at word boundaries.

Stored a parquet file a split, with columns `text` and `ids`.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from textback.config import PassageCounts
from textback.counted import counted
from textback.documents import read_texts
from textback.encoding import WordEncoder
from textback.errors import TextbackError
from textback.files import replacing
from textback.progress import log
from textback.tokenizer import Tokenizer
from textback.windows import Sample

MAX_SHARE_LOST = 0.5  # of candidate windows, to the round trip, before something must be wrong
SPARE = 1.1  # windows sampled for each one wanted: some are lost
CHUNK = 20_000  # passages decoded at a time
ORDER = ("test", "validation", "train")  # what is drawn first is held out of what follows


def draw_passages(
    documents: Path,
    tokenizer: Tokenizer,
    length: int,
    counts: PassageCounts,
    splits: Sequence[str] = ORDER,
) -> dict[str, np.ndarray]:
    """Draw distinct passages of each split, uniformly from its distinct windows.

    documents: the file that `write_documents` made; splits: those that are drawn
    Returns token ids, (n, length) uint16 or uint32, a split each. No passage of validation or
    test occurs in train, nor one of test in validation; decode, then encode, gives the ids back.
    Which are drawn depends neither on the order of the documents nor on how many occurrences a
    window has.

    Raises TextbackError where a split has no passage of that length, or fewer than asked for in
    validation or test. Train takes what there is.
    """
    encoder = WordEncoder(tokenizer)
    drawn: dict[str, np.ndarray] = {}
    held_out: set[str] = set()
    for number, split in enumerate(ORDER):
        if split not in splits:
            continue
        wanted = getattr(counts, split)
        seed = (counts.seed, length, number)
        passages = _draw(documents, split, encoder, length, seed, held_out, wanted)
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
        drawn[split] = passages
        if split != "train":
            held_out.update(tokenizer.decode_batch(passages.tolist()))
    return drawn


def _draw(
    documents: Path,
    split: str,
    encoder: WordEncoder,
    length: int,
    seed: tuple[int, ...],
    held_out: set[str],
    wanted: int,
) -> np.ndarray:
    """The first `wanted` usable windows in the order of their hashes."""
    size = int(SPARE * wanted) + len(held_out) + CHUNK
    while True:
        sample = Sample(size, length, encoder.tokenizer.size, seed)
        for texts in read_texts(documents, split):
            sample.add(encoder.encode(texts))
        windows = sample.windows()
        tokens = counted(length, "token")
        log.info("%s: %s distinct windows of %s", split, _about(sample), tokens)
        passages = _keep(windows, encoder.tokenizer, held_out, wanted)
        if len(passages) == wanted or sample.complete:
            return passages
        size = int(SPARE * size * wanted / len(passages))


def _about(sample: Sample) -> str:
    return f"{'' if sample.complete else 'about '}{sample.distinct():,.0f}"


def _keep(windows: np.ndarray, tokenizer: Tokenizer, held_out: set[str], wanted: int) -> np.ndarray:
    """The first `wanted` windows that survive the round trip and are not held out."""
    kept, enough, seen, lost = [windows[:0]], False, 0, 0
    for start in range(0, len(windows), min(CHUNK, 2 * wanted)):
        chunk = windows[start : start + min(CHUNK, 2 * wanted)]
        texts = tokenizer.decode_batch(chunk.tolist())
        again = tokenizer.encode_batch(texts)
        same = [ids == window for ids, window in zip(again, chunk.tolist(), strict=True)]
        good = [ok and text not in held_out for ok, text in zip(same, texts, strict=True)]
        kept.append(chunk[good])
        seen += len(chunk)
        lost += len(chunk) - sum(same)
        enough = sum(map(len, kept)) >= wanted
        if enough:
            break
    if not enough and lost > MAX_SHARE_LOST * seen:
        raise TextbackError(
            f"tokenizer: {lost} of {seen} passages change when decoded and encoded again: it does "
            "not fit this corpus, train another"
        )
    return np.concatenate(kept)[:wanted]


def write_passages(path: Path, ids: np.ndarray, tokenizer: Tokenizer) -> None:
    """Write passages with their texts."""
    column = pa.list_(pa.from_numpy_dtype(ids.dtype), ids.shape[1])
    schema = pa.schema({"text": pa.string(), "ids": column})
    with (
        replacing(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        for start in range(0, len(ids), CHUNK):
            chunk = ids[start : start + CHUNK]
            tokens = pa.FixedSizeListArray.from_arrays(pa.array(chunk.ravel()), chunk.shape[1])
            texts = pa.array(tokenizer.decode_batch(chunk.tolist()), pa.string())
            writer.write_table(pa.table([texts, tokens], schema=schema))


def read_passages(path: Path) -> tuple[np.ndarray, list[str]]:
    """Read passages: their ids, (n, length), and texts."""
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise TextbackError(f"passages {path}: cannot be read ({error}): remake them") from None
    column = table["ids"].combine_chunks()
    ids = column.flatten().to_numpy().reshape(len(column), -1)
    return ids, table["text"].to_pylist()
