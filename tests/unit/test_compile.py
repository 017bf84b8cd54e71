"""torch.compile changes how fast things are, not what they are; and where it fails, nothing.

What is captured and how it is split into forward and backward is tested with the backend
`aot_eager`, which needs no C++ compiler and seconds instead of minutes. With g++ a training and a
decoding are also compiled to C++ and run; TEXTBACK_SLOW_TESTS=1 does so with all kinds of decoding.
"""

import functools
import logging
import os
import shutil

import pytest
import torch
from torch import nn
from torch._dynamo.exc import Unsupported
from torch._dynamo.utils import counters
from torch._inductor.exc import InductorError

from textback.config import Backbone, Training
from textback.device import compiled
from textback.inverter import decoding
from textback.inverter.decoding import beam_search
from textback.inverter.micro_batches import MicroBatches
from textback.inverter.model import Inverter
from textback.inverter.state import Checkpoint
from textback.inverter.training import train
from textback.processes import COMPILE

LENGTH = 4
BUDGET = Training(examples=96, batch=32, learning_rate=1e-3, optimizer="adamw")
TOLERANCE = 1e-5  # of a weight after three steps, in fp32
compiles_c = pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
slow = pytest.mark.skipif(
    "TEXTBACK_SLOW_TESTS" not in os.environ,
    reason="half a minute of C++ compilation each: set TEXTBACK_SLOW_TESTS=1",
)


@pytest.fixture(autouse=True)
def full_precision(fp32):
    pass


@pytest.fixture(autouse=True, scope="module")
def nothing_compiled_stays():
    yield
    torch._dynamo.reset()
    decoding._steps.cache_clear()


def compile_with(backend, patch):
    """Compile everything with a backend of torch.compile, from the beginning."""
    patch.setenv(COMPILE, "on")
    if backend != "inductor":
        patch.setattr(torch, "compile", functools.partial(torch.compile, backend=backend))
    torch._dynamo.reset()
    counters.clear()
    decoding._steps.cache_clear()


def trained(model, data, folder):
    return train(model, data, data, BUDGET, 0, Checkpoint(folder, {}), "toy")


def assert_trained_alike(make, data, folder, backend, monkeypatch):
    eager, fast = make(), make()
    expected = trained(eager, data, folder / "eager")
    compile_with(backend, monkeypatch)
    result = trained(fast, data, folder / backend)
    assert counters["stats"]["unique_graphs"] >= 1
    for found, wanted in zip(fast.parameters(), eager.parameters(), strict=True):
        assert torch.allclose(found, wanted, rtol=0, atol=TOLERANCE)
    assert result.history[-1] == pytest.approx(expected.history[-1], rel=1e-4)


def test_a_compiled_training_ends_in_the_weights_of_an_eager_one(
    make, toy, tmp_path, logged, monkeypatch
):
    assert_trained_alike(make, toy, tmp_path, "aot_eager", monkeypatch)
    assert counters["stats"]["unique_graphs"] == 1  # a forward pass is captured whole, and once
    assert logged.lines(logging.WARNING) == []


@compiles_c
def test_a_training_compiled_to_c_ends_in_the_weights_of_an_eager_one(
    make, toy, tmp_path, logged, monkeypatch
):
    assert_trained_alike(make, toy, tmp_path, "inductor", monkeypatch)
    assert logged.lines(logging.WARNING) == []


def decoded_both_ways(family, width, backend):
    """What is written eagerly and what is written compiled, and how many graphs that took."""
    torch.manual_seed(0)
    model = Inverter(Backbone(size="toy", family=family), 30, 5, 1).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    with torch.no_grad(), pytest.MonkeyPatch.context() as patch:
        read = model.read(torch.randn(3, 5))
        patch.setenv(COMPILE, "off")
        decoding._steps.cache_clear()
        expected = beam_search(model, read, LENGTH, width)
        compile_with(backend, patch)
        found = beam_search(model, read, LENGTH, width)
    return expected, found, counters["stats"]["unique_graphs"]


@pytest.fixture(
    scope="module",
    params=[("t5", 1), ("t5", 3), ("llama", 1), ("llama", 3)],
    ids=lambda param: f"{param[0]}-{param[1]}",
)
def decoded(request):
    return decoded_both_ways(*request.param, "aot_eager")


def assert_written_alike(expected, found):
    assert torch.equal(found[0], expected[0])
    assert torch.allclose(found[1], expected[1], atol=1e-4)


def test_compiled_decoding_writes_what_eager_decoding_writes(decoded):
    expected, found, graphs = decoded
    assert graphs >= 1
    assert_written_alike(expected, found)


def test_a_step_is_captured_whole_and_once_for_all_positions(decoded):
    _, _, graphs = decoded
    assert graphs == 1


def test_a_step_is_compiled_once_for_batches_and_beams_of_any_size(hypothesizer, monkeypatch):
    compile_with("eager", monkeypatch)
    graphs = []
    for texts, beams in ((3, 2), (5, 2), (4, 3)):
        with torch.no_grad():
            beam_search(hypothesizer, hypothesizer.read(torch.randn(texts, 5)), LENGTH, beams)
        graphs.append(counters["stats"]["unique_graphs"])
    assert graphs == [1, 1, 1]


@compiles_c
@pytest.mark.parametrize(
    ("family", "width"),
    [
        ("llama", 3),
        *(pytest.param(*way, marks=slow) for way in (("llama", 1), ("t5", 1), ("t5", 3))),
    ],
)
def test_decoding_compiled_to_c_writes_what_eager_decoding_writes(family, width, logged):
    expected, found, _ = decoded_both_ways(family, width, "inductor")
    assert_written_alike(expected, found)
    assert logged.lines(logging.WARNING) == []


FAILURES = [Unsupported("a graph break"), InductorError(RuntimeError("no compiler"), None)]


def broken_compiler(error, patch):
    """Let whatever torch.compile gives fail when it is called; returns the calls."""
    calls = []

    def fail(*arguments):
        calls.append(arguments)
        raise error

    patch.setenv(COMPILE, "on")
    patch.setattr(torch, "compile", lambda function, **options: fail)
    decoding._steps.cache_clear()
    return calls


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
def test_where_compiling_fails_training_goes_on_without_it_and_warns_once(
    make, toy, tmp_path, error, logged, monkeypatch
):
    eager, fallen_back = make(), make()
    expected = trained(eager, toy, tmp_path / "eager")
    calls = broken_compiler(error, monkeypatch)
    result = trained(fallen_back, toy, tmp_path / "broken")
    assert all(map(torch.equal, fallen_back.parameters(), eager.parameters()))
    assert result.history == expected.history
    assert len(calls) == 1
    (warning,) = logged.lines(logging.WARNING)
    assert warning.startswith("torch.compile failed, goes on without it (")
    assert "\n" not in warning


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
def test_where_compiling_fails_decoding_goes_on_without_it_and_warns_once(
    hypothesizer, error, logged, monkeypatch
):
    with torch.no_grad():
        read = hypothesizer.read(torch.randn(3, 5))
    expected = [beam_search(hypothesizer, read, LENGTH, width) for width in (1, 3)]
    calls = broken_compiler(error, monkeypatch)
    for width, wanted in zip((1, 3), expected, strict=True):
        assert_written_alike(wanted, beam_search(hypothesizer, read, LENGTH, width))
    assert len(calls) == len(logged.lines(logging.WARNING)) == 1


def test_an_error_of_the_function_itself_is_not_taken_for_a_failed_compilation(monkeypatch):
    broken_compiler(TypeError("wrong argument"), monkeypatch)
    with pytest.raises(TypeError, match="wrong argument"):
        compiled(len, "cpu")([])


class Bag(nn.Module):
    """The smallest model that can be trained: logits from the vector alone."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(5, 12)

    def forward(self, ids, vectors):
        return -self.head(vectors).log_softmax(-1).gather(-1, ids).mean()


def test_where_only_the_backward_pass_cannot_be_compiled_training_goes_on(toy, logged, monkeypatch):
    from functorch.compile import make_boxed_func
    from torch._dynamo.backends.common import aot_autograd

    def fail(graph, inputs):
        raise FAILURES[1]

    backend = aot_autograd(
        fw_compiler=lambda graph, inputs: make_boxed_func(graph.forward), bw_compiler=fail
    )
    compile_with(backend, monkeypatch)
    rows, model = torch.arange(32), Bag()
    MicroBatches(model, toy, 32).backward(rows)
    (by_hand,) = torch.autograd.grad(model(*toy.rows(rows)), [model.head.weight])
    assert torch.allclose(model.head.weight.grad, by_hand, atol=1e-6)
    assert len(logged.lines(logging.WARNING)) == 1


@pytest.mark.parametrize(
    ("wanted", "device", "compiles"),
    [("off", "cuda", False), ("auto", "cpu", False), ("auto", "cuda", True), ("on", "cpu", True)],
)
def test_what_is_compiled_is_what_was_asked_for(wanted, device, compiles, monkeypatch):
    monkeypatch.setenv(COMPILE, wanted)
    monkeypatch.setattr(torch, "compile", lambda function, **options: lambda x: "compiled")
    assert (compiled(str, device)(1) == "compiled") == compiles
    monkeypatch.delenv(COMPILE)
    assert (compiled(str, device)(1) == "compiled") == (device == "cuda")


@pytest.mark.parametrize(("wanted", "eagerly"), [("auto", 2), ("on", 0)])
def test_decoding_begins_eagerly_unless_compilation_is_asked_for(wanted, eagerly, monkeypatch):
    monkeypatch.setenv(COMPILE, wanted)
    monkeypatch.setattr(decoding, "EAGER_STEPS", 2 * LENGTH)
    monkeypatch.setattr(torch, "compile", lambda function, **options: lambda *given: "compiled")
    steps = decoding._Steps("cuda")
    taken = [steps.of_a_batch(LENGTH) for _ in range(4)]
    assert taken[:eagerly] == [decoding._step] * eagerly
    assert [step() for step in taken[eagerly:]] == ["compiled"] * (4 - eagerly)
