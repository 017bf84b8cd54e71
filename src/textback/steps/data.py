"""Corpus, tokenizer and passages: from a source of documents to windows of one length."""

from pathlib import Path

import numpy as np

from textback.cells import SPLITS
from textback.config import PassageCounts, read_corpus
from textback.config import Tokenizer as TokenizerEntry
from textback.counted import counted
from textback.documents import read_texts, row_sizes, sample_texts, write_documents
from textback.files import replacing
from textback.packages import package_folder
from textback.passages import draw_passages, write_passages
from textback.progress import log
from textback.specs import Spec
from textback.tokenizer import Tokenizer

TOKENIZER_CHARACTERS = 100_000_000  # more of them change few tokens and take minutes


def make_corpus(spec: Spec, output: Path) -> None:
    """Read a corpus and write its documents (id, text, split, characters) as parquet."""
    write_documents(spec["name"], read_corpus(spec["corpus"]), output)
    sizes = {split: row_sizes(output, split) for split in SPLITS}
    log.info(
        "corpus %s: %s, %.1f million characters",
        spec["name"],
        ", ".join(f"{np.count_nonzero(size):,} {split}" for split, size in sizes.items()),
        sum(size.sum() for size in sizes.values()) / 1e6,
    )


def make_tokenizer(spec: Spec, documents: Path, output: Path) -> None:
    """Train the inverter's tokenizer on the training documents, or fetch a pretrained one.

    It learns from TOKENIZER_CHARACTERS of them, in a seeded shuffled order.
    """
    entry = TokenizerEntry(**spec["tokenizer"])
    texts = sample_texts(documents, "train", TOKENIZER_CHARACTERS, seed=0)
    if entry.kind == "pretrained":
        tokenizer = Tokenizer.pretrained(_locate(entry), entry.revision)
    else:
        tokenizer = Tokenizer.train(
            (text for some in texts for text in some.to_pylist()), entry.vocabulary
        )
    with replacing(output) as temporary:
        tokenizer.save(temporary)
    example = next(read_texts(documents, "train"))[0].as_py()
    log.info(
        "tokenizer: %d tokens, %.2f characters a token",
        tokenizer.size,
        len(example) / len(tokenizer.encode(example)),
    )


def _locate(entry: TokenizerEntry) -> str:
    """The hub id or folder of a pretrained tokenizer."""
    if entry.package is None:
        return entry.model
    return str(package_folder("tokenizer", entry.package) / entry.model)


def make_passages(spec: Spec, documents: Path, tokenizer: Path, output: Path) -> None:
    """Draw the passages of one length and write a parquet file a split into a folder."""
    bpe = Tokenizer.load(tokenizer)
    counts, splits = PassageCounts(**spec["counts"]), spec.get("splits", SPLITS)
    drawn = draw_passages(documents, bpe, spec["length"], counts, splits)
    for split, ids in drawn.items():
        write_passages(output / f"{split}.parquet", ids, bpe)
    log.info(
        "passages of %s: %s",
        counted(spec["length"], "token"),
        ", ".join(f"{len(ids):,} {split}" for split, ids in drawn.items()),
    )
