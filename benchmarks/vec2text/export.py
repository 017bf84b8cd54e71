"""Writes the exchange folder that both sides read (see `exchange.py`), without its models.

options: those of `compare.py`
"""

import argparse
import json
from pathlib import Path

import numpy as np
import own
import torch
from safetensors.torch import save_file

from textback.cells import embeddings_folder, passages_folder, tokenizer_file
from textback.config import read_study_file
from textback.embeddings import read_embeddings
from textback.errors import TextbackError
from textback.packages import package_folder
from textback.passages import read_passages

CORPUS, TOKENIZER = "state-of-the-union", "bpe-2k"


def export(options: argparse.Namespace) -> None:
    """Passages and their embeddings, the tokenizer, and what `task.json` says."""
    place = (options.corpus, TOKENIZER, options.length)
    passages = options.root / passages_folder(*place)
    embedded = options.root / embeddings_folder(*place, own.EMBEDDER)
    if not (embedded / "test.safetensors").exists():
        raise TextbackError(
            f"no embeddings of {options.length} tokens of {options.corpus} in {options.root}: "
            f"there, `snakemake --config 'lengths=[{options.length}]' --until reduction` makes them"
        )
    options.folder.mkdir(parents=True, exist_ok=True)
    tokenizer = options.root / tokenizer_file(options.corpus, TOKENIZER)
    (options.folder / "tokenizer.json").write_bytes(tokenizer.read_bytes())
    few = slice(options.rows)
    for split in ("train", "validation", "test"):
        ids, texts = read_passages(passages / f"{split}.parquet")
        embeddings = read_embeddings(embedded / f"{split}.safetensors")
        tensors = {
            "ids": torch.from_numpy(ids[few].astype(np.int32)),
            "embeddings": torch.from_numpy(embeddings[few]),
        }
        save_file(tensors, options.folder / f"{split}.safetensors")
        lines = "".join(f"{text}\n" for text in texts[few])
        (options.folder / f"{split}.txt").write_text(lines, encoding="utf-8")
    (options.folder / "task.json").write_text(json.dumps(_task(options), indent=1), "utf-8")


def _task(options: argparse.Namespace) -> dict[str, object]:
    model = own.new(options, own.PAPER, ways=1)
    entry = read_study_file(Path("config.yaml")).embedders[own.EMBEDDER]
    return {
        "t5": {**model.backbone.t5.config.to_diff_dict(), "eos_token_id": 0},
        "length": options.length,
        "embedding_tokens": own.PAPER.embedding_tokens,
        "embedder": str(package_folder(own.EMBEDDER, entry.package) / entry.model),
        "dimension": model.dimension,
    }
