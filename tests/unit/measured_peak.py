"""Trains an inverter's part for a few steps in a process of its own; prints how much memory it took.

python measured_peak.py size family part length batch optimizer → bytes

Counted are pages that no file is behind: libraries come and go on a machine that is short of memory.
"""

import sys
import threading
from pathlib import Path

import torch

from textback.bench import choices
from textback.bench.models import random_data
from textback.bench.training import WARM_UP
from textback.config import Backbone
from textback.device import pick_device
from textback.inverter.batches import Order
from textback.inverter.training_step import TrainingStep
from textback.plan.networks import Network, new

VOCABULARY, DIMENSION = 2048, 384


def anonymous() -> int:
    """Bytes of memory that the process holds now, mapped files left out."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("RssAnon")).split()[1])


def watch(seen: list[int], ended: threading.Event) -> None:
    """Note the memory every few milliseconds."""
    while not ended.wait(0.002):
        seen.append(anonymous())


if __name__ == "__main__":
    size, family, part, length, batch, optimizer = sys.argv[1:]
    torch.set_num_threads(1)
    pick_device("cpu")  # as a training does: it decides what becomes of freed memory
    before, seen, ended = anonymous(), [], threading.Event()
    watcher = threading.Thread(target=watch, args=(seen, ended))
    watcher.start()
    entry = Backbone(family=family, size=size)
    model = new(Network(entry, VOCABULARY, DIMENSION, 1 if part == "hypothesizer" else 3))
    data = random_data(part, 2 * int(batch), int(length), VOCABULARY, DIMENSION, "cpu")
    step = TrainingStep(model, data, choices.budget(optimizer, int(batch)))
    order = Order(len(data), int(batch), 0)
    for number in range(WARM_UP):
        step(order.batch(number))
    ended.set()
    watcher.join()
    print(max(seen) - before)
