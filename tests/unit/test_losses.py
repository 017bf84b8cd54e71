"""The fused loss against the plain one: the same number, the same gradients, chunk by chunk."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from textback.inverter import losses
from textback.inverter.losses import fused_nll, plain_nll

TEXTS, LENGTH, D_MODEL, VOCABULARY = 7, 4, 6, 31
BF16 = 2**-8  # relative error of one rounding


@pytest.fixture(params=[False, True], ids=["alone", "shared"])
def inputs(request):
    """Hidden states, output matrix and shared logits (or none), as leaves; and the passages."""
    generator = torch.Generator().manual_seed(0)

    def leaf(*shape):
        return torch.randn(*shape, generator=generator).requires_grad_()

    shared = leaf(TEXTS, VOCABULARY) if request.param else None
    ids = torch.randint(VOCABULARY, (TEXTS, LENGTH), generator=generator)
    return leaf(TEXTS, LENGTH, D_MODEL), leaf(VOCABULARY, D_MODEL), shared, ids


def chunks_of(texts, monkeypatch):
    monkeypatch.setattr(losses, "CHUNK_BYTES", {"cpu": 4 * VOCABULARY * LENGTH * texts})
    monkeypatch.setattr(losses, "AMORTISED", 0)


def loss_and_gradients(function, hidden, weight, shared, ids):
    """A third of the mean loss, so that the gradient that comes from above is not one."""
    leaves = [leaf for leaf in (hidden, weight, shared) if leaf is not None]
    loss = function(hidden, weight, shared, ids).mean()
    return loss, torch.autograd.grad(loss / 3, leaves)


@pytest.mark.parametrize("texts", [1, 2, 3, 7, 100])
def test_fused_loss_and_gradients_equal_the_plain_ones_in_chunks_of_any_size(
    inputs, texts, monkeypatch
):
    chunks_of(texts, monkeypatch)
    doubled = [x if x is None or not x.is_floating_point() else x.double() for x in inputs]
    expected, by_plain = loss_and_gradients(plain_nll, *doubled)
    loss, by_fused = loss_and_gradients(fused_nll, *inputs)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    for found, wanted in zip(by_fused, by_plain, strict=True):
        assert torch.allclose(found.double(), wanted, rtol=1e-5, atol=1e-7)


class Largest(TorchDispatchMode):
    """Remembers the size of the largest tensor that is made."""

    numbers = 0

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        made = function(*arguments, **(named or {}))
        if isinstance(made, torch.Tensor):
            self.numbers = max(self.numbers, made.numel())
        return made


@pytest.mark.parametrize("texts", [3, 5])
def test_no_more_logits_exist_at_a_time_than_a_chunk_has(inputs, texts, monkeypatch):
    chunks_of(texts, monkeypatch)
    with Largest() as fused:
        fused_nll(*inputs)
    assert fused.numbers == texts * LENGTH * VOCABULARY
    with Largest() as plain:
        plain_nll(*inputs)
    assert plain.numbers == TEXTS * LENGTH * VOCABULARY


def test_under_bf16_the_fused_loss_and_gradients_are_as_near_as_rounding_allows(
    inputs, monkeypatch
):
    chunks_of(2, monkeypatch)
    expected, exact = loss_and_gradients(plain_nll, *inputs)
    with torch.autocast("cpu", torch.bfloat16):
        loss, found = loss_and_gradients(fused_nll, *inputs)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(expected.item(), rel=BF16)
    assert loss.item() != expected.item()
    for gradient, wanted in zip(found, exact, strict=True):
        assert gradient.dtype == torch.float32
        assert (gradient - wanted).norm() < 2 * BF16 * wanted.norm()


def test_the_plain_loss_is_the_librarys_cross_entropy(inputs):
    hidden, weight, shared, ids = inputs
    logits = hidden @ weight.T if shared is None else hidden @ weight.T + shared[:, None]
    expected = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), ids.flatten(), reduction="none"
    )
    assert torch.allclose(plain_nll(*inputs).flatten(), expected, atol=1e-6)


def test_logits_beyond_what_exp_can_hold_give_a_finite_loss(inputs):
    hidden, weight, shared, ids = inputs
    loss, gradients = loss_and_gradients(fused_nll, 1e3 * hidden, weight, shared, ids)
    assert loss.item() == pytest.approx(
        plain_nll(1e3 * hidden, *inputs[1:]).mean().item(), rel=1e-5
    )
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_a_models_training_loss_is_the_mean_of_its_likelihoods(each_model, each_input):
    ids = torch.randint(1, 30, (3, 5), generator=torch.Generator().manual_seed(4))
    loss = each_model(ids, *each_input)
    assert loss.item() == pytest.approx(each_model.nll(ids, *each_input).mean().item(), rel=1e-5)


def test_a_models_gradients_through_the_fused_loss_are_those_of_its_likelihoods(
    each_model, each_input, monkeypatch
):
    monkeypatch.setattr(losses, "CHUNK_BYTES", {"cpu": 0})
    monkeypatch.setattr(losses, "AMORTISED", 0)
    ids = torch.randint(1, 30, (3, 5), generator=torch.Generator().manual_seed(4))
    weights = dict(each_model.named_parameters())
    fused = torch.autograd.grad(each_model(ids, *each_input), weights.values())
    plain = torch.autograd.grad(each_model.nll(ids, *each_input).mean(), weights.values())
    for name, found, wanted in zip(weights, fused, plain, strict=True):
        assert torch.allclose(found, wanted, rtol=1e-3, atol=1e-5), name
