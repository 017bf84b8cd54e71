"""Inversion of a cell's test embeddings in rounds of correction."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from textback.config import Embedder as EmbedderEntry
from textback.device import cost, pick_device
from textback.embedders import CountingEmbedder, Embedder, check_embeddings, load_embedder
from textback.files import replacing, write_json
from textback.inverter import data, generate
from textback.inverter.search import Attack, Round, invert
from textback.inverter.state import load_model
from textback.passages import read_passages
from textback.progress import log
from textback.reductions import load_projection
from textback.specs import Spec
from textback.tokenizer import Tokenizer
from textback.trace import to_frame


def invert_cell(
    spec: Spec,
    hypothesizer: Path,
    corrector: Path,
    tokenizer: Path,
    passages: Path,
    embeddings: Path,
    reduction: Path,
    output: Path,
    device: str,
) -> None:
    """Invert the first test passages of a cell; writes the trace and the costs."""
    began = time.monotonic()
    device = pick_device(device)
    embedder = load_embedder(spec["name"], EmbedderEntry(**spec["embedder"]), device)
    ids, texts = read_passages(passages)
    queries = CountingEmbedder(embedder)
    attack = load_attack(
        hypothesizer, corrector, tokenizer, reduction, spec["name"], queries, ids.shape[1], device
    )
    targets = data.targets(embeddings, load_projection(reduction)).numpy()[: spec["passages"]]
    texts = texts[: spec["passages"]]
    histories = invert(
        attack, targets, spec["beam"], spec["rounds"], spec["patience"], _log_round(spec["rounds"])
    )
    with replacing(output / "trace.parquet") as temporary:
        to_frame(texts, histories, targets).to_parquet(temporary, compression="zstd", index=False)
    seconds = time.monotonic() - began
    write_json(
        output / "costs.json", cost(device, invert_seconds=seconds, embedder_queries=queries.made)
    )


def load_attack(
    hypothesizer: Path,
    corrector: Path,
    tokenizer: Path,
    reduction: Path,
    embedder_name: str,
    embedder: Embedder,
    length: int,
    device: str,
) -> Attack:
    """An inverter with its embedder, as the search sees them: numpy in, numpy out."""
    first, second = load_model(hypothesizer, device), load_model(corrector, device)
    bpe = Tokenizer.load(tokenizer)
    project = load_projection(reduction)
    dimension = embedder.dimension if project.basis is None else project.basis.shape[1]
    for path, model, vectors in ((hypothesizer, first, 1), (corrector, second, 3)):
        model.check_fits(path, bpe.size, dimension, vectors)

    def tensor(values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values).to(device)

    def guess(target: np.ndarray) -> np.ndarray:
        return generate.guess(first, tensor(target), length).cpu().numpy()

    def correct(target: np.ndarray, vector: np.ndarray, ids: np.ndarray, width: int) -> np.ndarray:
        found = generate.correct(second, tensor(target), tensor(vector), tensor(ids), width)
        return found.cpu().numpy()

    def embed(texts: Sequence[str]) -> np.ndarray:
        rows = embedder.embed(texts)
        check_embeddings(embedder_name, rows, len(texts), embedder.dimension)
        return project(rows)

    return Attack(guess, correct, bpe.decode_batch, embed)


def _log_round(rounds: int) -> Callable[[int, list[Round]], None]:
    def report(number: int, state: list[Round]) -> None:
        cosine = np.mean([r.best.cosine for r in state])
        found = sum(r.candidate is not None for r in state)
        log.info("round %d/%d: mean cosine %.4f, %d texts tried", number, rounds, cosine, found)

    return report
