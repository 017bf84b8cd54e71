"""Passages embedded a second, beside the library's own `encode`."""

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch

from textback.bench import hardware
from textback.bench.hardware import Timing, Work
from textback.bench.report import Measurement, Numbers, measurement, throughput
from textback.bench.words import random_texts
from textback.config import Embedder as Entry
from textback.device import bulk_precision
from textback.embedders import Embedder, load_embedder
from textback.embedders.gate import check_lengths
from textback.embedders.sentence_transformers import Modules

TURNS = 3
ENCODE_BATCHES = (32, 128, 512)

Precision = Callable[[], AbstractContextManager]


def measure(name: str, entry: Entry, length: int, texts: int, device: str) -> Measurement:
    """Embed so many texts of `length` words, one token each, specials left out of the count.

    In fp32, as results are told, and where the device has it in bf16, as training and screening do.
    Raises TextbackError where the embedder cannot be loaded or does not read texts of that length.
    """
    embedder = load_embedder(name, entry, device)
    passages = random_texts(texts, length)
    check_lengths(name, embedder, passages)
    counts = embedder.count_tokens(passages) - embedder.count_tokens([""])
    flops = hardware.count_flops(lambda: embedder.embed(passages[:1]))
    results: dict[str, Numbers] = {}
    for dtype, precision in _precisions(device).items():
        works = _works(embedder, passages, precision)
        timings = hardware.by_turns(works, TURNS, device)
        ours = timings.pop("ours")
        matmul = hardware.matmul_rate(device, getattr(torch, dtype))
        results[dtype] = {
            **throughput(texts / ours.seconds, float(counts.mean()), flops, matmul),
            "peak_memory_bytes": ours.peak_memory_bytes,
            **_beside_encode(ours, timings, texts),
        }
    settings = {"embedder": name, "length": length, "texts": texts}
    return measurement("embedding", settings, results, device)


def _precisions(device: str) -> dict[str, Precision]:
    """The precisions in use, by their torch type."""
    bulk = hardware.bulk_dtype_name(device)
    return {bulk: functools.partial(bulk_precision, device)} | {"float32": nullcontext}


def _works(embedder: Embedder, passages: list[str], precision: Precision) -> dict[str, Work]:
    """Our way to embed and, of the library's embedders, `encode` by its batch size."""

    def ours() -> None:
        with precision():
            embedder.embed(passages)

    works: dict[str, Work] = {"ours": ours}
    network = getattr(embedder, "network", None)
    if isinstance(network, Modules):
        for batch in ENCODE_BATCHES:
            works[str(batch)] = functools.partial(_encode, network, passages, precision, batch)
    return works


def _encode(modules: Modules, passages: list[str], precision: Precision, batch: int) -> None:
    with precision():
        modules.model.encode(passages, batch_size=batch, show_progress_bar=False)


def _beside_encode(ours: Timing, timings: dict[str, Timing], texts: int) -> Numbers:
    """Of `encode` at its best batch size; nothing where there is none."""
    if not timings:
        return {}
    batch, best = min(timings.items(), key=lambda item: item[1].seconds)
    return {
        "encode_examples_per_second": texts / best.seconds,
        "encode_batch": int(batch),
        "ratio_to_encode": best.seconds / ours.seconds,
    }
