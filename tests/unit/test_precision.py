"""bf16 where the hardware has it; what training computes there is near what it computes in fp32."""

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from textback import device
from textback.config import Training
from textback.device import bulk_precision
from textback.inverter.attacks import attack
from textback.inverter.decoding import beam_search
from textback.inverter.starts import greedy
from textback.inverter.state import Checkpoint
from textback.inverter.training import mean_nll, train

WEIGHTS = ("q_proj.weight", "k_proj.weight", "v_proj.weight", ".q.weight", ".k.weight", ".v.weight")
BUDGET = Training(examples=640, batch=32, learning_rate=1e-2, optimizer="adamw")


@pytest.fixture(autouse=True)
def asked_anew():
    device.has_bf16.cache_clear()
    yield
    device.has_bf16.cache_clear()


def hardware(patch, **has):
    for probe in ("avx512_bf16", "amx_tile"):
        patch.setattr(
            torch.cpu, f"_is_{probe}_supported", lambda probe=probe: has.get(probe, False)
        )


class Products(TorchDispatchMode):
    """The types of what forward passes multiply, or attend to."""

    def __init__(self, *kinds):
        super().__init__()
        self.kinds, self.dtypes = kinds or ("mm", "linear"), set()

    def __torch_dispatch__(self, function, types, inputs=(), options=None):
        name = function.__name__
        if any(kind in name for kind in self.kinds) and "backward" not in name:
            self.dtypes.add(inputs[1].dtype)
        return function(*inputs, **(options or {}))


def product_dtype():
    with bulk_precision("cpu"):
        return (torch.ones(2, 2) @ torch.ones(2, 2)).dtype


@pytest.mark.parametrize("has", ["avx512_bf16", "amx_tile"])
def test_products_are_bf16_where_the_processor_has_it(has, monkeypatch):
    hardware(monkeypatch, **{has: True})
    assert product_dtype() == torch.bfloat16


def test_products_are_fp32_where_it_has_not_and_the_log_says_so_once(logged, monkeypatch):
    hardware(monkeypatch)
    assert [product_dtype() for _ in range(3)] == [torch.float32] * 3
    (line,) = logged.lines()
    assert line.endswith("has no bf16: computes in fp32")


def test_a_training_in_bf16_learns_as_one_in_fp32_and_keeps_fp32_weights(
    make, toy, tmp_path, monkeypatch
):
    losses = {}
    for name, has in (("bf16", {"avx512_bf16": True}), ("fp32", {})):
        device.has_bf16.cache_clear()
        hardware(monkeypatch, **has)
        model = make()
        train(model, toy, toy, BUDGET, 0, Checkpoint(tmp_path / name, {}), "toy")
        assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
        losses[name] = mean_nll(model, toy, 64)
    assert losses["bf16"] == pytest.approx(losses["fp32"], rel=0.05)
    assert losses["bf16"] != losses["fp32"]


@pytest.mark.parametrize("width", [1, 3])
def test_what_is_decoded_in_bf16_is_about_as_likely_as_what_is_decoded_in_fp32(
    each_model, each_input, width, monkeypatch
):
    hardware(monkeypatch, avx512_bf16=True)
    with torch.no_grad():
        exact, _ = beam_search(each_model, each_model.read(*each_input), 5, width)
        with bulk_precision("cpu"):
            rough, _ = beam_search(each_model, each_model.read(*each_input), 5, width)
        nll = [each_model.nll(ids[:, 0], *each_input).mean().item() for ids in (exact, rough)]
    assert rough.shape == exact.shape
    assert nll[1] == pytest.approx(nll[0], rel=0.1)


@pytest.mark.parametrize("has", [True, False])
def test_candidates_are_written_in_bf16_where_the_processor_has_it(
    each_hypothesizer, corrector, has, monkeypatch
):
    hardware(monkeypatch, avx512_bf16=has)
    dimension = each_hypothesizer.dimension
    targets, ids = np.eye(2, dimension, dtype=np.float32), np.ones((2, 4), np.int64)
    attacked = attack(each_hypothesizer, corrector, None, None, greedy(4))
    given = attacked.read(targets), np.arange(2), targets, ids
    for write in (
        attacked.correct,
        attacked.edit,
        lambda read, rows, vectors, ids, width: attacked.judge(read, rows, ids),
        lambda *given: attacked.guess(targets),
    ):
        with Products() as seen:
            write(*given, 3)
        assert seen.dtypes == {torch.bfloat16 if has else torch.float32}


@pytest.mark.parametrize("trained", [True, False], ids=["training", "not"])
def test_a_cpu_attends_in_fp32_though_its_products_are_in_bf16(
    each_hypothesizer, trained, monkeypatch
):
    """The fused kernel takes up to twice as long in bf16, its backward pass up to ten times."""
    hardware(monkeypatch, avx512_bf16=True)
    model = each_hypothesizer
    inputs = torch.ones(2, 4, dtype=torch.long), torch.ones(2, model.dimension)
    with torch.set_grad_enabled(trained), bulk_precision("cpu"):
        with Products("attention") as attention, Products() as products:
            loss = model(*inputs)
    assert attention.dtypes == {torch.float32}
    assert torch.bfloat16 in products.dtypes
    if trained:
        loss.backward()
        grads = [p.grad for name, p in model.named_parameters() if name.endswith(WEIGHTS)]
        assert len(grads) >= 3 and all(grad is not None and grad.any() for grad in grads)
