"""Seconds and embedder queries that the whole search takes a text, and what it finds.

Of a trained cell, or of random weights, whose rounds are about as fast but find nothing.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from textback import cells, metrics
from textback.bench import hardware
from textback.bench.models import WAYS, random_model
from textback.bench.report import Measurement, Numbers, Settings, measurement, throughput
from textback.bench.words import WORDS, random_texts
from textback.cells import Cell
from textback.config import Backbone, Study, lookup
from textback.device import peak_memory
from textback.embedders import Embedder, load_embedder
from textback.errors import TextbackError
from textback.inverter import data
from textback.inverter.search import Attack, Effort, Round, invert
from textback.inverter.starts import greedy
from textback.inverter.state import save_model
from textback.passages import read_passages
from textback.processes import compile_choice
from textback.reductions import Projection, load_projection
from textback.steps.invert import CandidateEmbedder, load_attack, log_round
from textback.tokenizer import Tokenizer

VOCABULARY = 2048  # of random weights
# Parts of an attack.
DECODING = ("guess", "read", "correct", "edit", "judge", "expect", "imagine")
EMBEDDING = ("embed", "screen")
SAID = {  # what an effort of each mode has
    "elitist": ("mode", "beam", "rounds", "breadth", "patience", "edits"),
    "paper": ("mode", "beam", "rounds", "rank", "parents"),
}
COUNTED = 4  # texts, whose searches are done again to count their operations
SPEED_ONLY = "random weights: measures speed only, the cosine means nothing"


def measure_cell(study: Study, cell: Cell, texts: int, effort: Effort, device: str) -> Measurement:
    """Invert the first test passages of a trained cell.

    Raises TextbackError where the cell has fewer.
    """
    tokenizer = study.inverters[cell.inverter].tokenizer
    embedded = cells.embeddings_folder(cell.corpus, tokenizer, cell.length, cell.embedder)
    project = load_projection(embedded / str(cell.reduction) / "reduction.safetensors")
    targets = data.targets(embedded / "test.safetensors", project).numpy()
    if texts > len(targets):
        raise TextbackError(f"cell {cell}: has {len(targets)} test passages: lower --texts")
    embedder = load_embedder(cell.embedder, study.embedders[cell.embedder], device)
    tokenizer_file = cells.tokenizer_file(cell.corpus, tokenizer)
    embed = CandidateEmbedder(cell.embedder, embedder, tokenizer_file, project)
    models = (cell.folder / part / "model.safetensors" for part in WAYS)
    bpe = Tokenizer.load(tokenizer_file)
    attack = load_attack(*models, bpe, embed, greedy(cell.length), device)
    passages = cells.passages_folder(cell.corpus, tokenizer, cell.length) / "test.parquet"
    references = read_passages(passages)[1][:texts]
    settings: Settings = {"cell": str(cell)}
    return _measure(attack, targets[:texts], cell.length, effort, device, settings, "", references)


def measure_random(
    study: Study, name: str, entry: Backbone, length: int, texts: int, effort: Effort, device: str
) -> Measurement:
    """Invert texts of random words with an inverter of random weights.

    It writes nothing but whole words, so that its texts are as easily embedded as real ones.
    """
    embedder = load_embedder(name, lookup(study.embedders, "embedder", name), device)
    targets = Projection()(embedder.embed(random_texts(texts, length)))
    with tempfile.TemporaryDirectory() as folder:
        attack = _random_attack(Path(folder), name, embedder, entry, length, device)
    shape = entry.model_dump(include={"family", "size", "form", "embedding_tokens"})
    settings: Settings = {**shape, "vocabulary": VOCABULARY, "embedder": name, "length": length}
    return _measure(attack, targets, length, effort, device, settings, SPEED_ONLY)


def _random_attack(
    folder: Path, name: str, embedder: Embedder, entry: Backbone, length: int, device: str
) -> Attack:
    """An attack of random weights, loaded from files as a trained one is."""
    bpe = Tokenizer.train([" ".join(WORDS)] * 50, VOCABULARY)
    bpe.save(folder / "tokenizer.json")
    words = {token for word in WORDS for token in bpe.encode(word)}
    for part in WAYS:
        model = random_model(entry, part, VOCABULARY, embedder.dimension, "cpu")
        model.bar([token for token in range(VOCABULARY) if token not in words])
        save_model(folder / part, model)
    embed = CandidateEmbedder(name, embedder, folder / "tokenizer.json", Projection())
    parts = (folder / part for part in WAYS)
    return load_attack(*parts, bpe, embed, greedy(length), device)


class _Stopwatch:
    """A part of an attack, and the seconds spent in it."""

    def __init__(self, part: Callable[..., Any]) -> None:
        self._part = part
        self.seconds = 0.0

    def __call__(self, *arguments: Any) -> Any:
        began = time.perf_counter()
        found = self._part(*arguments)
        self.seconds += time.perf_counter() - began
        return found


def _spent(watched: dict[str, _Stopwatch], names: Sequence[str]) -> float:
    """Seconds in the parts with these names, as far as there are any."""
    return sum(watched[name].seconds for name in names if name in watched)


def _rounds(histories: list[list[Round]]) -> int:
    """How many rounds embedded anything."""
    queries = np.array([[state.queries for state in rounds] for rounds in histories])
    return int((np.diff(queries, axis=1) > 0).any(0).sum())


def _flops_per_text(attack: Attack, targets: np.ndarray, effort: Effort) -> float:
    """Of the matrix products of a whole search, a mean of these targets."""
    return hardware.count_flops(lambda: invert(attack, targets, effort)) / len(targets)


def _measure(
    attack: Attack,
    targets: np.ndarray,
    length: int,
    effort: Effort,
    device: str,
    settings: Settings,
    note: str,
    references: Sequence[str] | None = None,
) -> Measurement:
    """The search, after a round that is not measured, in which all is loaded and compiled.

    references: the texts that were embedded, if they are any that the search could find
    """
    invert(attack, targets, replace(effort, rounds=1))
    hardware.forget_peak(device)
    parts = {name: getattr(attack, name) for name in DECODING + EMBEDDING}
    watched = {name: _Stopwatch(part) for name, part in parts.items() if part is not None}
    began = time.perf_counter()
    histories = invert(replace(attack, **watched), targets, effort, log_round(effort.rounds))
    seconds, memory = time.perf_counter() - began, peak_memory(device)
    texts = len(targets)
    matmul = hardware.matmul_rate(device, hardware.bulk_dtype(device))
    flops = _flops_per_text(attack, targets[:COUNTED], effort)
    numbers = {
        **throughput(texts / seconds, length, flops, matmul),
        "seconds_per_text": seconds / texts,
        "queries_per_text": float(np.mean([rounds[-1].queries for rounds in histories])),
        "rounds_per_second": _rounds(histories) / seconds,
        "mean_cosine": float(np.mean([rounds[-1].best.cosine for rounds in histories])),
        "decoding_share": _spent(watched, DECODING) / seconds,
        "embedding_share": _spent(watched, EMBEDDING) / seconds,
        "peak_memory_bytes": memory,
    }
    if references is not None:
        numbers |= _found([rounds[-1].best.text for rounds in histories], references)
    said = {name: getattr(effort, name) for name in SAID[effort.mode]}
    settings = {**settings, "texts": texts, **said, "compile": compile_choice()}
    settings["precision"] = hardware.bulk_dtype_name(device)
    return measurement("inversion", settings, {"search": numbers}, device, note)


def _found(texts: Sequence[str], references: Sequence[str]) -> Numbers:
    """How near the texts are to those that were embedded."""
    pairs = zip(texts, references, strict=True)
    return {
        "exact_match": float(np.mean([metrics.exact_match(*pair) for pair in pairs])),
        "bleu": metrics.bleu_of(metrics.bleu_statistics(texts, references).sum(0)),
    }
