"""Trials of a second or two: the trainer's own step, decoding and an embedder, on random input."""

import torch

from textback.bench import choices, hardware
from textback.bench.models import random_data
from textback.bench.training import WARM_UP, steps_per_second
from textback.bench.words import random_texts
from textback.config import Embedder as EmbedderEntry
from textback.config import Training
from textback.device import bulk_precision
from textback.embedders import Embedder, load_embedder
from textback.errors import TextbackError
from textback.inverter import decoding
from textback.inverter.batched import BATCH
from textback.inverter.batches import Order
from textback.inverter.training_step import TrainingStep
from textback.plan import networks
from textback.plan.networks import Network
from textback.tokenizer import PAD

SECONDS = 1.0  # measured, after the steps that warm up
PATIENCE = 10.0  # a trial that would take longer, as reckoned beforehand, is not made
PARTS = {1: "hypothesizer", 3: "corrector"}  # by the vectors that they read
TEXTS = 64


def training(
    network: Network, budget: Training, length: int, device: str, reckoned: float
) -> float | None:
    """Operations a second of training steps, without torch.compile; None where they take too long.

    reckoned: operations a second to expect
    """
    flops = networks.flops_per_example(network, length)
    if (WARM_UP + 1) * budget.batch * flops / reckoned > PATIENCE:
        return None
    choices.set_compile("off")
    model = networks.new(network).to(device)
    vocabulary = min(network.vocabulary, model.vocabulary)
    part = PARTS[network.ways]
    data = random_data(part, 2 * budget.batch, length, vocabulary, network.dimension, device)
    try:
        step = TrainingStep(model, data, choices.budget(budget.optimizer, budget.batch))
        order = Order(len(data), budget.batch, 0, data.device)
        rate = steps_per_second(lambda number: step(order.batch(number)), SECONDS, device)
    except (TextbackError, MemoryError):  # it does not fit
        return None
    return rate * budget.batch * flops


@torch.inference_mode()
def writing(network: Network, length: int, beam: int, device: str, reckoned: float) -> float | None:
    """Texts a second of decoding, `beam` beams a hypothesis; None where it takes too long.

    reckoned: texts a second to expect
    """
    rows = max(1, min(BATCH[device], 4 * TEXTS) // beam)
    if 2 * rows * beam / reckoned > PATIENCE:
        return None
    choices.set_compile("off")
    model = networks.new(network).to(device).eval()
    vocabulary = min(network.vocabulary, model.vocabulary)
    model.bar([PAD])
    data = random_data(PARTS[network.ways], rows, length, vocabulary, network.dimension, device)

    def write() -> None:
        _, *inputs = data.rows(slice(None))
        with bulk_precision(device):
            decoding.beam_search(model, model.read(*inputs), length, beam)

    write()
    return rows * beam / hardware.seconds_of(write, device)


def embedding(name: str, entry: EmbedderEntry, length: int, device: str) -> float:
    """Texts a second, of `length` words each. Raises TextbackError where it cannot be loaded."""
    embedder = _loaded(name, entry, device)
    texts = random_texts(TEXTS, length)
    with bulk_precision(device):
        embedder.embed(texts[:8])
        return TEXTS / hardware.seconds_of(lambda: embedder.embed(texts), device)


_embedders: dict[str, Embedder] = {}


def _loaded(name: str, entry: EmbedderEntry, device: str) -> Embedder:
    if name not in _embedders:
        _embedders[name] = load_embedder(name, entry, device)
    return _embedders[name]
