"""Replayed functions: what is launched, recorded and replayed, and with what. Real graphs: tests/gpu."""

import logging
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch

from textback.bench.hardware import count_flops
from textback.inverter import replay
from textback.inverter.replay import Replay, Studio


@pytest.fixture
def events(monkeypatch):
    """What happens; a recording's replay runs the function anew and writes where it first wrote."""
    happened = []

    class Graph:
        def __init__(self, function, result):
            self.function, self.result = function, result

        def replay(self):
            happened.append("replay")
            self.result.copy_(self.function())

    def record(function, studio):
        happened.append("record")
        result = torch.zeros(2)
        return Graph(function, result), result

    monkeypatch.setattr(replay, "_recorded", record)
    monkeypatch.setattr(Replay, "_refused", set())
    return happened


def doubled(x):
    return 2 * x


def test_a_function_is_launched_once_and_recorded_once_in_each_place(events):
    replayed = Replay("doubling", doubled, "cuda", calls=9)
    for number, place in enumerate([0, 1, 0, 1, 0]):
        found = replayed(place, torch.full((2,), float(number)))
        assert found.tolist() == [2.0 * number] * 2
    assert events == ["record", "replay", "record", "replay", "replay", "replay"]


def test_nothing_is_recorded_on_a_cpu(events):
    replayed = Replay("doubling", doubled, "cpu", calls=9)
    for number in range(3):
        assert replayed(0, torch.full((2,), float(number))).tolist() == [2.0 * number] * 2
    assert events == []


def test_where_operations_are_counted_all_are_launched(events):
    def work():
        replayed = Replay("multiplying", lambda x: (x @ x)[0], "cuda", calls=9)
        for number in range(5):
            replayed(0, torch.full((2, 2), float(number)))

    assert count_flops(work) == 5 * 2 * 2**3 and events == []
    work()
    assert "replay" in events


def test_inputs_may_be_thrown_away(events):
    """A recording reads them where they lay the first time."""
    read = []
    replayed = Replay("reading", lambda x: read.append(x.data_ptr()) or 2 * x, "cuda", calls=9)
    for number in range(4):
        replayed(0, torch.full((2,), float(number)))
    assert len(set(read)) == 1


def test_where_recording_fails_all_calls_are_launched_and_it_warns_once(
    events, monkeypatch, logged
):
    def fail(function, studio):
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(replay, "_recorded", fail)
    for _ in range(2):
        replayed = Replay("doubling", doubled, "cuda", calls=9)
        for number in range(3):
            assert replayed(0, torch.full((2,), float(number))).tolist() == [2.0 * number] * 2
    (warning,) = logged.lines(logging.WARNING)
    assert (
        "CUDA graphs of doubling failed, goes on without them (operation not permitted" in warning
    )


def test_what_failed_of_one_kind_says_nothing_of_another(events, monkeypatch):
    monkeypatch.setattr(Replay, "_refused", {"doubling"})
    for what in ("doubling", "another"):
        replayed = Replay(what, doubled, "cuda", calls=9)
        for _ in range(2):
            replayed(0, torch.zeros(2))
    assert events == ["record", "replay"]


def test_what_cannot_be_recorded_for_want_of_memory_is_launched_and_others_are_recorded(
    events, monkeypatch, logged
):
    def fail(function, studio):
        raise torch.OutOfMemoryError("CUDA out of memory")

    replayed = Replay("doubling", doubled, "cuda", calls=9)
    with monkeypatch.context() as patch:
        patch.setattr(replay, "_recorded", fail)
        for number in range(3):
            assert replayed(0, torch.full((2,), float(number))).tolist() == [2.0 * number] * 2
    assert logged.lines(logging.WARNING) == [] and events == []
    another = Replay("doubling", doubled, "cuda", calls=9)
    for _ in range(2):
        another(0, torch.zeros(2))
    assert events == ["record", "replay"]


def test_memory_that_only_the_allocator_holds_is_freed_for_a_recording(monkeypatch):
    tried, freed = [], []

    def capture(function, *studio):
        tried.append(function)
        if not freed:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return "recording"

    monkeypatch.setattr(replay, "_captured", capture)
    monkeypatch.setattr(Studio, "place", lambda studio, device: ("pool", "stream"))
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: freed.append(1))
    assert replay._recorded(doubled, Studio()) == "recording"
    assert len(tried) == 2 and freed == [1]


@pytest.mark.parametrize("ended", [False, True], ids=["torch 2.11", "newer"])
@pytest.mark.parametrize("late", [False, True], ids=["seen at once", "seen at its end"])
def test_a_recording_that_goes_wrong_is_followed_by_one_that_goes_well(late, ended, monkeypatch):
    """Without it torch 2.11's random generator would go on recording. Newer ones end by themselves
    what its allocator records, and refuse to end it twice.
    """
    happened, failures = [], iter([True])

    class Graph:
        def capture_begin(self, **how):
            happened.append("begin")

        def capture_end(self):
            if next(failures, False):
                raise RuntimeError("operation failed due to a previous error during capture")
            happened.append("end")

    def end_allocating(device, pool):
        happened.append(pool)
        if ended:
            raise RuntimeError("endAllocatePool: not currently recording to mempool_id")

    def wrong():
        if not late:
            raise ValueError("waits for the GPU")

    stream = SimpleNamespace(wait_stream=lambda other: None)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: stream)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "stream", nullcontext)
    monkeypatch.setattr(torch, "zeros", lambda *size, device: happened.append("work"))
    monkeypatch.setattr(torch._C, "_cuda_endAllocateToPool", end_allocating, raising=False)
    with pytest.raises((ValueError, RuntimeError), match="previous error" if late else "waits"):
        replay._captured(wrong, (0, 1), stream)
    assert happened == ["begin", (0, 1), "begin", "work", "end"]


def test_few_calls_are_not_recorded(events):
    replayed = Replay("doubling", doubled, "cuda", calls=replay.FEWEST - 1)
    for _ in range(replay.FEWEST - 1):
        replayed(0, torch.zeros(2))
    assert events == []


def test_what_was_given_stays_as_it_was(events):
    replayed, first = Replay("doubling", doubled, "cuda", calls=9), torch.ones(2)
    for number in range(4):
        replayed(0, first if number == 0 else torch.full((2,), float(number)))
    assert first.tolist() == [1.0, 1.0]
