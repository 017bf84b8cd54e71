"""Passages decoded a second: greedily, by beam search and by sampling."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from textback.bench import hardware
from textback.bench.models import WAYS, random_data, random_model
from textback.bench.report import Measurement, Numbers, measurement, throughput
from textback.config import Backbone
from textback.device import bulk_precision
from textback.inverter import decoding
from textback.inverter.batched import BATCH
from textback.inverter.batches import Data
from textback.inverter.model import Inverter, Read
from textback.processes import compile_choice

TURNS = 3

Decode = Callable[[Inverter, Read, int], object]  # model, what it has read, length


def measure(
    entry: Backbone,
    length: int,
    vocabulary: int,
    dimension: int,
    beam: int,
    texts: int,
    device: str,
) -> Measurement:
    """Decode so many passages in each way with a hypothesizer and a corrector of random weights.

    Batches are as large as the engine's; the time of a step is a batch's, reading included.
    """
    matmul = hardware.matmul_rate(device, hardware.bulk_dtype(device))
    results: dict[str, Numbers] = {}
    for part in WAYS:
        model = random_model(entry, part, vocabulary, dimension, device).eval()
        data = random_data(part, texts, length, vocabulary, dimension, device)
        works = {name: _Work(model, data, *way) for name, way in _ways(beam, device).items()}
        for name, timing in hardware.by_turns(works, TURNS, device).items():
            rate = texts / timing.seconds
            flops = hardware.count_flops(works[name].one_row)
            results[f"{part} {name}"] = {
                **throughput(rate, length, flops, matmul),
                "milliseconds_per_step": 1000 * timing.seconds / (works[name].batches * length),
                "peak_memory_bytes": timing.peak_memory_bytes,
            }
    settings = {
        **entry.model_dump(include={"family", "size", "form", "embedding_tokens"}),
        "length": length,
        "vocabulary": vocabulary,
        "dimension": dimension,
        "texts": texts,
        "compile": compile_choice(),
        "precision": hardware.bulk_dtype_name(device),
    }
    return measurement("decoding", settings, results, device)


class _Work:
    """Decodes all passages of the data in one way, batch by batch."""

    def __init__(self, model: Inverter, data: Data, decode: Decode, width: int) -> None:
        self._model, self._data, self._decode = model, data, decode
        self._size = max(1, BATCH[data.device.type] // width)
        self.batches = math.ceil(len(data) / self._size)

    def __call__(self) -> None:
        for number in range(self.batches):
            self._run(slice(number * self._size, (number + 1) * self._size))

    def one_row(self) -> None:
        """Decode the first passage alone."""
        self._run(slice(0, 1))

    @torch.inference_mode()
    def _run(self, rows: slice) -> None:
        ids, *inputs = self._data.rows(rows)
        with bulk_precision(self._data.device.type):
            self._decode(self._model, self._model.read(*inputs), ids.shape[1])


def _ways(beam: int, device: str) -> dict[str, tuple[Decode, int]]:
    """How to decode, and how many beams a passage it takes."""

    def greedy(model: Inverter, read: Read, length: int) -> Tensor:
        return decoding.beam_search(model, read, length, 1)[0]

    def search(model: Inverter, read: Read, length: int) -> Tensor:
        return decoding.beam_search(model, read, length, beam)[0]

    def sampling(model: Inverter, read: Read, length: int) -> Tensor:
        chances = torch.rand(len(read.memory), length, device=device)
        return decoding.sample(model, read, length, decoding.Drawing(), chances)

    return {"greedy": (greedy, 1), f"beam {beam}": (search, beam), "sampling": (sampling, 1)}
