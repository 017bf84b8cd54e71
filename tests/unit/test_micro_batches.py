"""Micro-batches: a batch in parts has the whole batch's gradients, and fits a smaller device."""

import re
import resource
import weakref

import pytest
import torch

from textback.config import Backbone, Training
from textback.device import memory
from textback.errors import TextbackError
from textback.inverter import parallel
from textback.inverter.micro_batches import MicroBatches
from textback.inverter.model import Inverter
from textback.inverter.room import room_for
from textback.inverter.state import Checkpoint
from textback.inverter.training import train
from textback.inverter.training_step import TrainingStep

BATCH = 32
BUDGET = Training(examples=8 * BATCH, batch=BATCH, learning_rate=1e-3, optimizer="adamw")
TOO_MUCH = 2**60  # bytes that no CPU's allocator gives


@pytest.fixture(autouse=True)
def full_precision(fp32):
    pass


def out_of_memory():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


def out_of_host_memory():
    torch.empty(TOO_MUCH)


def out_of_memory_in_onednn():
    raise RuntimeError("could not create a primitive")  # of a product in bf16


def room_for_rows(rows, monkeypatch, fail=out_of_memory):
    """Let training passes fail above so many rows; returns the sizes that were tried."""
    return limit("forward", rows, monkeypatch, fail)


def limit(method, rows, monkeypatch, fail=out_of_memory):
    plain, tried = getattr(Inverter, method), []

    def limited(self, ids, *inputs):
        tried.append(len(ids))
        if len(ids) > rows:
            fail()
        return plain(self, ids, *inputs)

    monkeypatch.setattr(Inverter, method, limited)
    return tried


def gradients(model, data, size):
    micro = MicroBatches(model, data, BATCH)
    micro.size = size
    loss = micro.backward(torch.arange(100, 100 + BATCH))
    return loss, [parameter.grad.clone() for parameter in model.parameters()]


def assert_close(one, other, tolerance=1e-6):
    for a, b in zip(one, other, strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=tolerance)


@pytest.mark.parametrize("size", [16, 10, 1])
def test_gradients_in_parts_are_those_of_the_whole_batch(make, toy, size):
    loss, expected = gradients(make(), toy, BATCH)
    in_parts, found = gradients(make(), toy, size)
    assert in_parts.item() == pytest.approx(loss.item(), rel=1e-5)
    assert_close(found, expected)


def trained(model, data, folder):
    result = train(model, data, data, BUDGET, 0, Checkpoint(folder, {}), "toy")
    return list(model.parameters()), result.history


@pytest.mark.parametrize("fail", [out_of_memory, out_of_host_memory, out_of_memory_in_onednn])
def test_a_device_too_small_for_the_batch_ends_in_the_same_weights(
    make, toy, tmp_path, fail, logged, monkeypatch
):
    expected, history = trained(make(), toy, tmp_path / "large")
    tried = room_for_rows(10, monkeypatch, fail)
    found, in_parts = trained(make(), toy, tmp_path / "small")
    assert_close(found, expected, 1e-5)
    assert in_parts[-1] == pytest.approx(history[-1], rel=1e-4)
    assert tried[:8] == [1, 32, 16, 8, 8, 8, 8, 8]  # one to count FLOPs; then found once for all
    assert max(tried[3:]) == 8
    assert [line for line in logged.lines() if "out of memory" in line] == [
        "out of memory: goes on with micro-batches of 16",
        "out of memory: goes on with micro-batches of 8",
    ]


def test_a_part_that_fails_after_others_passed_leaves_nothing_of_them_behind(
    make, toy, monkeypatch
):
    _, expected = gradients(make(), toy, BATCH)
    forward, passes = Inverter.forward, []

    def fail_once(self, *inputs):
        passes.append(1)
        if len(passes) == 2:
            out_of_memory()
        return forward(self, *inputs)

    monkeypatch.setattr(Inverter, "forward", fail_once)
    _, found = gradients(make(), toy, 16)
    assert len(passes) == 2 + 4
    assert_close(found, expected)


@pytest.mark.parametrize("fail", [out_of_memory, out_of_host_memory, out_of_memory_in_onednn])
def test_a_device_too_small_for_one_passage_is_one_line_that_names_the_size(
    make, toy, fail, monkeypatch
):
    room_for_rows(0, monkeypatch, fail)
    with pytest.raises(TextbackError, match="size 'toy': not even one passage") as error:
        MicroBatches(make(), toy, BATCH).backward(torch.arange(BATCH))
    assert "\n" not in str(error.value)


def test_a_training_on_a_device_too_small_for_one_passage_is_one_line(
    make, toy, tmp_path, monkeypatch
):
    room_for_rows(0, monkeypatch)
    with pytest.raises(TextbackError, match="not even one passage"):
        trained(make(), toy, tmp_path)


def test_validation_too_goes_on_in_parts_that_fit_the_device(make, toy, tmp_path, monkeypatch):
    _, expected = trained(make(), toy, tmp_path / "large")
    room_for_rows(10, monkeypatch)
    limit("nll", 10, monkeypatch)
    _, history = trained(make(), toy, tmp_path / "small")
    assert history[-1] == pytest.approx(expected[-1], rel=1e-4)


def test_validation_on_a_device_too_small_for_one_passage_is_one_line(
    make, toy, tmp_path, monkeypatch
):
    limit("nll", 0, monkeypatch)
    with pytest.raises(TextbackError, match="not even one passage"):
        trained(make(), toy, tmp_path)


def test_another_error_of_the_device_is_not_taken_for_a_lack_of_memory(make, toy, monkeypatch):
    def fail():
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    tried = room_for_rows(0, monkeypatch, fail)
    with pytest.raises(RuntimeError, match="illegal memory access"):
        MicroBatches(make(), toy, BATCH).backward(torch.arange(BATCH))
    assert tried == [BATCH]


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_no_room_for_what_the_optimiser_remembers_is_one_line(make, toy, optimizer, monkeypatch):
    budget = BUDGET.model_copy(update={"optimizer": optimizer})
    step = TrainingStep(make(), toy, budget)
    monkeypatch.setattr(step.optimizers[0], "step", out_of_memory)
    with pytest.raises(TextbackError, match="size 'toy': the device has no memory for") as error:
        step(torch.arange(BATCH))
    assert "\n" not in str(error.value)


def test_what_has_no_room_is_told_what_the_smaller_sizes_take(monkeypatch):
    mini = Backbone(family="llama", size="mini")
    with pytest.raises(TextbackError) as error, room_for(mini, 500, 16, 1, "cpu"):
        out_of_host_memory()
    taken = dict(re.findall(r"'(\w+)' ([\d.]+)", str(error.value).split("in GB:")[1]))
    assert [*taken] == ["mini", "tiny", "nano"]
    model = Inverter(mini.model_copy(update={"size": "tiny"}), 500, 16, ways=1)
    assert float(taken["tiny"]) == pytest.approx(16 * parameters(model) / 1e9, abs=0.006)


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("entry", "known"),
    [
        (Backbone(size="nano"), r"take, in GB: 'nano' 0.0\d\)"),
        (Backbone(pretrained="google-t5/t5-base"), r"another device \(this one has 2.00 GB\)"),
    ],
)
def test_what_has_no_room_is_told_what_the_device_has(entry, known, monkeypatch):
    monkeypatch.setattr("textback.inverter.room.memory", lambda device: 2e9)
    with pytest.raises(TextbackError, match=known) as error, room_for(entry, 500, 16, 1, "cpu"):
        out_of_memory()
    assert "this one has 2.00 GB" in str(error.value)


def test_a_process_has_no_more_memory_than_its_limit(monkeypatch):
    whole = memory("cpu")
    assert 1e8 < whole < 1e14
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (whole // 2, whole))
    assert memory("cpu") == whole // 2


def test_where_one_of_several_processes_has_no_room_it_says_so(make, toy, monkeypatch):
    room_for_rows(10, monkeypatch)
    micro = MicroBatches(make(), toy, BATCH)
    monkeypatch.setattr(parallel, "world", lambda: 2)
    with pytest.raises(TextbackError, match="one of 2 processes has no memory .* of 32"):
        micro.backward(torch.arange(BATCH))


def test_the_trial_leaves_the_room_that_optimisers_will_want(make, toy, monkeypatch):
    model, made, taken = make(), [], []
    empty_like, tried = torch.empty_like, room_for_rows(10, monkeypatch)
    limited = Inverter.forward

    def remembered(like):
        made.append(weakref.ref(new := empty_like(like)))
        return new

    def forward(self, *inputs):
        there = [new() for new in made if new() is not None]
        taken.append(sum(new.numel() for new in there))
        return limited(self, *inputs)

    monkeypatch.setattr(torch, "empty_like", remembered)
    monkeypatch.setattr(Inverter, "forward", forward)
    micro = MicroBatches(model, toy, BATCH)
    micro._try_sizes(BATCH)
    assert tried == [32, 16, 8] and micro.size == 8
    assert taken == 3 * [2 * parameters(model)]
    assert all(parameter.grad is None for parameter in model.parameters())
