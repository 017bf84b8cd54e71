"""Corpus, tokenizer and passages: from a source of documents to windows of one length."""

from pathlib import Path

from textback.config import Corpus, PassageCounts
from textback.config import Tokenizer as TokenizerEntry
from textback.corpora import read_documents
from textback.files import read_table, replacing
from textback.packages import package_folder
from textback.passages import draw_passages, write_passages
from textback.progress import log
from textback.specs import Spec
from textback.tokenizer import Tokenizer


def make_corpus(spec: Spec, output: Path) -> None:
    """Read a corpus and write its documents (id, text, split) as parquet."""
    documents = read_documents(spec["name"], Corpus(**spec["corpus"]))
    with replacing(output) as temporary:
        documents.to_parquet(temporary, compression="zstd", index=False)
    counts = documents["split"].value_counts()
    log.info(
        "corpus %s: %s, %.1f million characters",
        spec["name"],
        ", ".join(f"{counts[split]} {split}" for split in ("train", "validation", "test")),
        documents["text"].str.len().sum() / 1e6,
    )


def make_tokenizer(spec: Spec, documents: Path, output: Path) -> None:
    """Train the inverter's tokenizer on the training documents, or fetch a pretrained one."""
    entry = TokenizerEntry(**spec["tokenizer"])
    frame = read_table(documents)
    texts = frame.loc[frame["split"] == "train", "text"]
    if entry.kind == "pretrained":
        tokenizer = Tokenizer.pretrained(_locate(entry), entry.revision)
    else:
        tokenizer = Tokenizer.train(texts, entry.vocabulary)
    with replacing(output) as temporary:
        tokenizer.save(temporary)
    characters = texts.iloc[0]
    log.info(
        "tokenizer: %d tokens, %.2f characters a token",
        tokenizer.size,
        len(characters) / len(tokenizer.encode(characters)),
    )


def _locate(entry: TokenizerEntry) -> str:
    """The hub id or folder of a pretrained tokenizer."""
    if entry.package is None:
        return entry.model
    return str(package_folder("tokenizer", entry.package) / entry.model)


def make_passages(spec: Spec, documents: Path, tokenizer: Path, output: Path) -> None:
    """Draw the passages of one length and write a parquet file a split into a folder."""
    bpe = Tokenizer.load(tokenizer)
    drawn = draw_passages(
        read_table(documents), bpe, spec["length"], PassageCounts(**spec["counts"])
    )
    for split, ids in drawn.items():
        write_passages(output / f"{split}.parquet", ids, bpe)
    log.info(
        "passages of %d tokens: %s",
        spec["length"],
        ", ".join(f"{len(ids):,} {split}" for split, ids in drawn.items()),
    )
