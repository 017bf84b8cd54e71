"""What `test_parallel.py` lets two processes do, in one launch: they take seconds to start.

torchrun --standalone --nproc-per-node 2 two_processes.py FOLDER
"""

import json
import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import save_model

from textback import device
from textback.config import Backbone, Training
from textback.errors import TextbackError
from textback.inverter import parallel, training, training_step
from textback.inverter.batches import Data
from textback.inverter.model import Inverter
from textback.inverter.state import Checkpoint

PLAIN = Backbone(size="toy", family="llama")
DROPOUT = Backbone(size="toy", family="t5", dropout=0.2)
BUDGET = Training(examples=12 * 32, batch=32, learning_rate=1e-3, optimizer="adamw")
MUON = BUDGET.model_copy(update={"optimizer": "muon"})
TOGETHER_STEPS = 4
MICRO_BATCH = 5  # of a share of 16: in four parts, the last of one passage


def toy(ways=1):
    """Passages of two tokens that the vector tells: token 1 + index of its largest component.

    For a corrector, which reads three ways, with guesses that are as good as any.
    """
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(256, 5, generator=generator)
    first = 1 + vectors.argmax(1)
    ids = torch.stack([first, first + 5], 1).int()
    order = torch.randperm(256, generator=generator)
    read = (vectors,) if ways == 1 else (vectors, vectors[order], ids[order])
    return Data(ids, read, torch.device("cpu"))


def train(entry, checkpoints, budget=BUDGET, ways=1):
    """A trained model and its history."""
    torch.manual_seed(0)
    model, data = Inverter(entry, vocabulary=12, dimension=5, ways=ways), toy(ways)
    checkpoint = Checkpoint(checkpoints, {})
    return model, training.train(model, data, data, budget, 0, checkpoint, "toy").history


def write(folder, name, model, history):
    """Every process its weights and its next random number; the first the history, too."""
    save_model(model, folder / f"{name}-{parallel.rank()}.safetensors")
    (folder / f"{name}-{parallel.rank()}.drawn").write_text(str(torch.rand(()).item()))
    if parallel.rank() == 0:
        (folder / f"{name}.json").write_text(json.dumps(history))


@contextmanager
def second_process_told_to_stop(step):
    """As a scheduler would, in the middle of a step."""
    forward, passes = Inverter.forward, []

    def counted(self, *inputs):
        passes.append(1)
        if len(passes) == 1 + step and parallel.rank() == 1:  # the first one counts FLOPs
            os.kill(os.getpid(), signal.SIGTERM)
        return forward(self, *inputs)

    Inverter.forward = counted
    yield
    Inverter.forward = forward


@contextmanager
def in_micro_batches():
    """Gradients are averaged with the last part of a share alone."""
    whole = training_step.MicroBatches

    class Small(whole):
        def __init__(self, model, data, batch):
            super().__init__(model, data, batch)
            self.size = MICRO_BATCH

    training_step.MicroBatches = Small
    yield
    training_step.MicroBatches = whole


def main(folder):
    torch.set_num_threads(1)
    device.has_bf16 = lambda device: False
    training.TOGETHER_STEPS = TOGETHER_STEPS
    with parallel.joined("cpu"):
        for name, entry in (("plain", PLAIN), ("dropout", DROPOUT)):
            write(folder, name, *train(entry, folder / name))
            with second_process_told_to_stop(step=5):
                try:
                    train(entry, folder / "killed" / name)
                except SystemExit as stop:
                    (folder / f"{name}-{parallel.rank()}.stop").write_text(str(stop.code))
            parallel.wait_for_all()
            write(folder, f"{name}-resumed", *train(entry, folder / "killed" / name))
        with in_micro_batches():
            write(folder, "parts", *train(PLAIN, folder / "parts"))
            write(folder, "corrector", *train(PLAIN, folder / "corrector", MUON, ways=3))
        try:
            train(PLAIN, folder / "odd", BUDGET.model_copy(update={"batch": 33}))
        except TextbackError as error:
            (folder / f"odd-{parallel.rank()}.error").write_text(str(error))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
