"""A step that is recorded does, each time it is replayed, what a launched one does.

A GPU's recording is played here by a tape of torch's operations: like a CUDA graph it does them
again to the tensors that it met, in the same places, and knows nothing of Python in between.
"""

import copy
import gc
import logging
import weakref

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from textback import device
from textback.config import Backbone, Training
from textback.errors import TextbackError
from textback.inverter import optimizers, parallel, replay, training, training_step
from textback.inverter.batches import Data, Order
from textback.inverter.micro_batches import MicroBatches
from textback.inverter.model import Inverter
from textback.inverter.replay import FEWEST, BackwardStudio, Replay
from textback.inverter.state import Checkpoint
from textback.inverter.training import train
from textback.inverter.training_step import TrainingStep

BATCH = 32
STEPS = 6


def tensors(*trees):
    return [leaf for leaf in tree_leaves(trees) if isinstance(leaf, torch.Tensor)]


class Tape(TorchDispatchMode):
    """Operations as they are done; then what they changed is as it was, as if none had been."""

    def __init__(self):
        super().__init__()
        self.done, self._before, self.replays = [], {}, 0

    def record(self, function):
        random = torch.get_rng_state()
        with self:
            result = function()
        with torch.no_grad():
            for tensor, value in self._before.values():
                if value is not None:
                    tensor.copy_(value)
        torch.set_rng_state(random)
        return result

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        assert operation is not torch.ops.aten._local_scalar_dense.default, "waits for the GPU"
        for tensor in tensors(args, kwargs):
            self._before.setdefault(id(tensor), (tensor, tensor.detach().clone()))
        found = operation(*args, **(kwargs or {}))
        for tensor in tensors(found):
            self._before.setdefault(id(tensor), (tensor, None))
        self.done.append((operation, args, kwargs or {}, found))
        return found

    @torch.no_grad()
    def replay(self):
        self.replays += 1
        for operation, args, kwargs, found in self.done:
            again = operation(*args, **kwargs)
            for old, new in zip(tensors(found), tensors(again), strict=True):
                if old.data_ptr() != new.data_ptr():
                    old.copy_(new)


@pytest.fixture
def taped(monkeypatch):
    """Steps are recorded from now on, on tapes, which it returns."""

    def begin():
        tapes = []

        def record(function, studio):
            assert isinstance(studio, BackwardStudio)
            tapes.append(Tape())
            return tapes[-1], tapes[-1].record(function)

        def as_if_on_a_gpu(what, function, device, calls, studio):
            return Replay(what, function, "cuda", calls, studio)

        monkeypatch.setattr(Replay, "_refused", set())
        monkeypatch.setattr(replay, "_recorded", record)
        monkeypatch.setattr(BackwardStudio, "rehearse", lambda studio, function: function())
        monkeypatch.setattr(training_step, "Replay", as_if_on_a_gpu)
        return tapes

    monkeypatch.setattr(optimizers, "_on_gpu", lambda model: True)
    return begin


def budget(optimizer="adamw", steps=STEPS):
    return Training(examples=steps * BATCH, batch=BATCH, learning_rate=1e-2, optimizer=optimizer)


def inverter(family, ways):
    torch.manual_seed(0)
    entry = Backbone(size="toy", family=family, dropout=0.1, embedding_tokens=2)
    return Inverter(entry, vocabulary=12, dimension=5, ways=ways)


def read_by(ways, toy):
    """The toy passages; for a corrector the hypothesis of each is the next one."""
    e = toy.inputs[0]
    return toy if ways == 1 else Data(toy.ids, (e, e.roll(1, 0), toy.ids.roll(1, 0)), toy.device)


def trained(model, data, folder, budget):
    return train(model, data, data, budget, 0, Checkpoint(folder, {}), "toy").history


def same_weights(one, other):
    return all(map(torch.equal, one.parameters(), other.parameters()))


@pytest.mark.parametrize("bf16", [False, True], ids=["fp32", "bf16"])
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("ways", [1, 3], ids=["hypothesizer", "corrector"])
@pytest.mark.parametrize("family", ["llama", "t5"])
def test_a_replayed_training_ends_in_the_weights_of_a_launched_one(
    family, ways, optimizer, bf16, toy, taped, tmp_path, monkeypatch
):
    """With dropout, rates that change, and the optimisers' counts of steps."""
    monkeypatch.setattr(device, "has_bf16", lambda device: bf16)
    launched, data = inverter(family, ways), read_by(ways, toy)
    replayed = copy.deepcopy(launched)
    expected = trained(launched, data, tmp_path / "launched", budget(optimizer))
    tapes = taped()
    found = trained(replayed, data, tmp_path / "replayed", budget(optimizer))
    (tape,) = tapes
    assert tape.replays == STEPS - 1
    assert found == expected
    assert same_weights(replayed, launched)


def test_a_replayed_training_goes_on_to_the_same_weights(toy, taped, tmp_path, monkeypatch):
    whole, killed, resumed = (inverter("llama", 1) for _ in range(3))
    expected = trained(whole, toy, tmp_path / "whole", budget("muon"))
    tapes = taped()
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    schedule, steps = optimizers.schedule, iter(range(4))

    def until_killed(*given):
        if next(steps, None) is None:
            raise TextbackError("killed")
        return schedule(*given)

    with monkeypatch.context() as patch:
        patch.setattr(optimizers, "schedule", until_killed)
        with pytest.raises(TextbackError, match="killed"):
            trained(killed, toy, tmp_path / "killed", budget("muon"))
    assert trained(resumed, toy, tmp_path / "killed", budget("muon")) == expected
    assert [tape.replays for tape in tapes] == [3, STEPS - 5]  # the first of each is launched
    assert same_weights(resumed, whole)


def test_a_batch_in_parts_is_recorded_whole(toy, taped):
    launched, replayed = inverter("t5", 1), inverter("t5", 1)
    one = TrainingStep(launched, toy, budget())
    tapes = taped()
    other = TrainingStep(replayed, toy, budget())
    order = Order(len(toy), BATCH, 0)
    for step in (one, other):
        step._micro.size = 13
        torch.manual_seed(0)
        for number in range(STEPS):
            step(order.batch(number))
    assert [tape.replays for tape in tapes] == [STEPS - 1]
    assert same_weights(replayed, launched)


def test_a_step_holds_nothing_once_it_is_gone(toy, taped):
    """Not even until garbage is collected: a recording has the memory of a whole step."""
    tapes = taped()
    step, order = TrainingStep(inverter("llama", 1), toy, budget()), Order(len(toy), BATCH, 0)
    for number in range(FEWEST):
        step(order.batch(number))
    assert tapes
    held = [weakref.ref(step), weakref.ref(step._replay), weakref.ref(step.optimizers[0])]
    gc.disable()
    try:
        del step
        assert [reference() for reference in held] == [None] * 3
    finally:
        gc.enable()


def failing_recording(monkeypatch, owner, name, error):
    """A recording in which a function does its work, and then fails."""

    def fail(function, studio):
        plain, random = getattr(owner, name), torch.get_rng_state()

        def failing(*given):
            plain(*given)
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(owner, name, failing)
            try:
                function()
            finally:
                torch.set_rng_state(random)

    monkeypatch.setattr(replay, "_recorded", fail)


def test_a_step_that_cannot_be_recorded_leaves_no_gradients_and_all_are_launched(
    toy, taped, monkeypatch, logged, tmp_path
):
    launched, failing = inverter("llama", 1), inverter("llama", 1)
    expected = trained(launched, toy, tmp_path / "launched", budget())
    taped()
    error = RuntimeError("operation not permitted when stream is capturing")
    failing_recording(monkeypatch, nn.utils, "clip_grad_norm_", error)
    assert trained(failing, toy, tmp_path / "failing", budget()) == expected
    assert same_weights(failing, launched)
    (warning,) = logged.lines(logging.WARNING)
    assert "CUDA graphs of training steps failed" in warning


def test_without_memory_for_a_recording_micro_batches_stay_as_large_as_they_are(
    toy, taped, monkeypatch, logged
):
    taped()
    step, order = TrainingStep(inverter("llama", 1), toy, budget()), Order(len(toy), BATCH, 0)
    failing_recording(monkeypatch, Inverter, "forward", torch.OutOfMemoryError("CUDA"))
    for number in range(3):
        step(order.batch(number))
    assert step.micro_batch == BATCH
    assert logged.lines(logging.WARNING) == []


def test_data_on_the_host_and_a_training_of_several_processes_are_not_recorded(toy, monkeypatch):
    calls = []
    monkeypatch.setattr(
        training_step, "Replay", lambda what, function, device, steps, studio: calls.append(steps)
    )
    monkeypatch.setattr(MicroBatches, "_try_sizes", lambda micro, batch: None)
    on_host = Data(toy.ids, toy.inputs, torch.device("cuda"))
    TrainingStep(inverter("llama", 1), on_host, budget(), STEPS)
    TrainingStep(inverter("llama", 1), toy, budget(), STEPS)
    monkeypatch.setattr(parallel, "world", lambda: 2)
    monkeypatch.setattr(parallel, "wrapped", lambda model: model)
    TrainingStep(inverter("llama", 1), toy, budget(), STEPS)
    assert calls == [0, STEPS, 0]


def test_rates_that_a_recorded_step_reads_lie_in_one_place(toy, taped):
    steppers = optimizers.build(inverter("llama", 1), budget("muon"))
    groups = [group for stepper in steppers for group in stepper.param_groups]
    places = [group["lr"].data_ptr() for group in groups]
    optimizers.set_rate(steppers, 0.25)
    assert [group["lr"].data_ptr() for group in groups] == places
    rates = [float(group["lr"]) for group in groups]
    assert rates == pytest.approx([0.25 * group["peak"] for group in groups])
