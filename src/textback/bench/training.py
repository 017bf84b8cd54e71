"""Training steps a second: the real trainer's step on random data."""

import time
from collections.abc import Callable

from torch import Tensor

from textback.bench import hardware
from textback.bench.models import random_data, random_model
from textback.bench.report import Measurement, measurement, throughput
from textback.config import Backbone, Training
from textback.device import peak_memory
from textback.inverter import training
from textback.inverter.batches import Order
from textback.inverter.training_step import TrainingStep
from textback.processes import compile_choice

ROWS = 8192  # of data, which steps go through again and again
WARM_UP = 3  # steps that are not counted: the first compiles, the second is recorded on a GPU


def measure(
    entry: Backbone,
    part: str,
    budget: Training,
    length: int,
    vocabulary: int,
    dimension: int,
    seconds: float,
    device: str,
) -> Measurement:
    """Train a part of an inverter on random data for so many seconds.

    Counted are the operations of forward and backward passes, not the optimiser's. part:
    `hypothesizer` or `corrector`; dimension: of the embeddings.
    """
    model = random_model(entry, part, vocabulary, dimension, device)
    data = random_data(part, ROWS, length, vocabulary, dimension, device)
    flops = training.flops_per_example(model, data)
    order = Order(len(data), budget.batch, 0, data.device)
    step = TrainingStep(model, data, budget)
    hardware.forget_peak(device)  # of the trial of its size, which is not compiled

    def take(number: int) -> Tensor:
        return step(order.batch(number))

    rate = budget.batch * steps_per_second(take, seconds, device)
    memory = peak_memory(device)
    matmul = hardware.matmul_rate(device, hardware.bulk_dtype(device))
    settings = {
        "part": part,
        **entry.model_dump(include={"family", "size", "form", "embedding_tokens"}),
        **budget.model_dump(include={"optimizer", "batch"}),
        "length": length,
        "vocabulary": vocabulary,
        "dimension": dimension,
        "compile": compile_choice(),
        "precision": hardware.bulk_dtype_name(device),
    }
    numbers = {
        **throughput(rate, length, flops, matmul),
        "peak_memory_bytes": memory,
        "micro_batch": step.micro_batch,
    }
    return measurement("training", settings, {part: numbers}, device)


def steps_per_second(step: Callable[[int], Tensor], seconds: float, device: str) -> float:
    """How often `step(number)` can be done in a second, after a few to warm up."""
    for number in range(WARM_UP):
        step(number)
    hardware.synchronise(device)
    began, number = time.perf_counter(), WARM_UP
    while time.perf_counter() - began < seconds:
        step(number)
        number += 1
    hardware.synchronise(device)
    return (number - WARM_UP) / (time.perf_counter() - began)
