"""How fast a corpus becomes passages, and in how much memory.

Each step runs as in the workflow, in a process of its own, whose start is counted too: its peak
memory is the step's alone.
"""

import json
import random
import subprocess
import sys
import time
from pathlib import Path
from string import ascii_lowercase
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from textback.bench.report import Measurement, Numbers, measurement
from textback.cells import SPLITS
from textback.config import CorpusEntry, PassageCounts, Tokenizer, canonical
from textback.documents import row_sizes
from textback.errors import TextbackError
from textback.passages import read_passages

DISTINCT = 200_000  # words of generated texts, as frequent as Zipf's law has it
DOCUMENT = 1000  # words of one


def measure(
    name: str, entry: CorpusEntry, vocabulary: int, length: int, passages: int
) -> Measurement:
    """Prepare a corpus: its documents, its own tokenizer, and so many training passages.

    Raises TextbackError where a step does.
    """
    counts = PassageCounts(train=passages, validation=100, test=100)
    with TemporaryDirectory() as folder:
        documents, tokenizer = Path(folder, "documents.parquet"), Path(folder, "tokenizer.json")
        inputs = ["--documents", str(documents), "--tokenizer", str(tokenizer)]
        specs = {
            "corpus": {"name": name, "corpus": entry.model_dump(exclude={"passages"})},
            "tokenizer": {"tokenizer": Tokenizer(vocabulary=vocabulary).model_dump()},
            "passages": {"length": length, "counts": counts.model_dump()},
        }
        results = {
            "corpus": _run("corpus", specs["corpus"], [], documents),
            "tokenizer": _run("tokenizer", specs["tokenizer"], inputs[:2], tokenizer),
            "passages": _run("passages", specs["passages"], inputs, Path(folder, "passages")),
        }
        characters = sum(int(row_sizes(documents, split).sum()) for split in SPLITS)
        drawn = len(read_passages(Path(folder, "passages", "train.parquet"))[0])
    for numbers in results.values():
        numbers["characters_per_second"] = characters / numbers["seconds"]
    results["passages"]["passages_per_second"] = drawn / results["passages"]["seconds"]
    settings = {
        "corpus": name,
        "million characters": round(characters / 1e6, 1),
        "vocabulary": vocabulary,
        "length": length,
        "passages": drawn,
    }
    return measurement("corpus", settings, results, "cpu")


def generate(path: Path, megabytes: float, seed: int = 0) -> None:
    """Write rows of random words of so many megabytes as .jsonl."""
    draw, rng = random.Random(seed), np.random.default_rng(seed)
    words = np.array(
        ["".join(draw.choices(ascii_lowercase, k=draw.randint(2, 10))) for _ in range(DISTINCT)]
    )
    shares = 1 / np.arange(1, DISTINCT + 1)
    written = 0
    path.parent.mkdir()
    with open(path, "w", encoding="utf-8") as file:
        while written < megabytes * 1e6:
            text = " ".join(rng.choice(words, DOCUMENT, p=shares / shares.sum()))
            written += file.write(json.dumps({"text": text}) + "\n")


def _run(step: str, spec: dict[str, Any], inputs: list[str], output: Path) -> Numbers:
    """Seconds and peak memory of a step in a process of its own."""
    peak = output.with_name("peak")
    arguments = [str(peak), step, "--spec", canonical(spec), *inputs, "--output", str(output)]
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "textback.bench.measured_step", *arguments],
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - began
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1]
        raise TextbackError(last.removeprefix("textback: error: "))
    return {"seconds": seconds, "peak_memory_bytes": int(peak.read_text())}
