"""Trains an inverter's part for a few steps in a process of its own; prints its peak memory.

python measured_peak.py size family part length batch optimizer → bytes before training, bytes after
"""

import sys

import torch

from textback.bench import choices
from textback.bench.models import random_data
from textback.bench.training import WARM_UP
from textback.config import Backbone
from textback.device import peak_memory
from textback.inverter import optimizers, training
from textback.inverter.batches import Order
from textback.inverter.micro_batches import MicroBatches
from textback.plan.networks import Network, new

VOCABULARY, DIMENSION = 2048, 384

if __name__ == "__main__":
    size, family, part, length, batch, optimizer = sys.argv[1:]
    torch.set_num_threads(1)
    before = peak_memory("cpu")
    entry = Backbone(family=family, size=size)
    model = new(Network(entry, VOCABULARY, DIMENSION, 1 if part == "hypothesizer" else 3))
    data = random_data(part, 2 * int(batch), int(length), VOCABULARY, DIMENSION, "cpu")
    micro = MicroBatches(model, data, int(batch))
    steppers = optimizers.build(model, choices.budget(optimizer, int(batch)))
    order = Order(len(data), int(batch), 0)
    for number in range(WARM_UP):
        training.step(model, micro, steppers, order.batch(number))
    print(before, peak_memory("cpu"))
