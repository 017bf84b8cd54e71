"""What attends on a CPU in bf16 is near what the library's own attention computes in fp32."""

import pytest
import torch
from torch import nn
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from textback.attention import FEW, attend

LENGTHS = [FEW, FEW + 1]  # by the fused kernel in fp32, and by products in bf16
SHAPE = (2, 3, 8)  # texts, heads, dimensions of a head
NEAR = 0.03  # bf16 has 8 bits


def inputs(length, heads=SHAPE[1], groups=1):
    torch.manual_seed(0)
    query = torch.randn(SHAPE[0], groups * heads, length, SHAPE[2], requires_grad=True)
    return [query, *(torch.randn(SHAPE[0], heads, length, SHAPE[2]) for _ in range(2))]


def module(causal, groups=1):
    layer = nn.Module()
    layer.is_causal, layer.num_key_value_groups = causal, groups
    return layer


def both(layer, given, mask=None, **options):
    """Ours in bf16 and the library's in fp32, (n, t, heads, head_dim)."""
    with torch.autocast("cpu", torch.bfloat16):
        ours, _ = attend(layer, *(x.bfloat16() for x in given), mask, scaling=0.4, **options)
    theirs, _ = sdpa_attention_forward(layer, *given, mask, scaling=0.4, **options)
    assert ours.dtype == torch.bfloat16 and ours.is_contiguous()
    return ours.float(), theirs


def options(name, length):
    seen = torch.ones(length, length, dtype=torch.bool).tril(2)
    bias = torch.linspace(-1, 1, 3 * length * length).view(1, 3, length, length)
    return {
        "none": {},
        "seen": {"mask": seen.expand(2, 1, -1, -1)},
        "logits": {"mask": bias},
        "bias": {"position_bias": bias},
        "bias and seen": {"position_bias": bias, "mask": seen.expand(2, 1, -1, -1)},
        "told to be causal": {"is_causal": True},
    }[name]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(
    "name", ["none", "seen", "logits", "bias", "bias and seen", "told to be causal"]
)
def test_ours_in_bf16_is_near_the_librarys_in_fp32(name, causal, length):
    given = inputs(length)
    ours, theirs = both(module(causal), given, **options(name, length))
    torch.testing.assert_close(ours, theirs, atol=NEAR, rtol=NEAR)
    wanted = torch.linspace(-1, 1, theirs.numel()).view_as(theirs)
    slopes = [torch.autograd.grad((x * wanted).sum(), given[0])[0] for x in (ours, theirs)]
    torch.testing.assert_close(*slopes, atol=3 * NEAR, rtol=3 * NEAR)


def test_heads_that_share_keys_are_left_to_the_library():
    ours, theirs = both(module(causal=True, groups=3), inputs(FEW + 1, heads=2, groups=3))
    torch.testing.assert_close(ours, theirs, atol=NEAR, rtol=NEAR)


def test_who_sees_nothing_has_numbers():
    nobody = torch.zeros(2, 1, FEW + 1, FEW + 1, dtype=torch.bool)
    with torch.autocast("cpu", torch.bfloat16):
        ours, _ = attend(module(causal=False), *inputs(FEW + 1), nobody, scaling=0.4)
    assert ours.isfinite().all()


@pytest.mark.parametrize("length", LENGTHS)
def test_longer_texts_are_attended_to_by_products_in_bf16(length):
    with torch.profiler.profile() as profile, torch.no_grad():
        both(module(causal=True), inputs(length))
    fused = [event.name for event in profile.events() if "flash_attention" in event.name]
    assert len(fused) == (2 if length <= FEW else 1)  # the library's in fp32, and ours or not


def test_dropout_drops():
    ours, _ = both(module(causal=False), inputs(FEW + 1), dropout=1.0)
    assert not ours.any()


def test_without_autocast_it_is_the_librarys_own():
    given = inputs(FEW + 1)
    ours, _ = attend(module(causal=True), *given, None, scaling=0.4)
    theirs, _ = sdpa_attention_forward(module(causal=True), *given, None, scaling=0.4)
    assert torch.equal(ours, theirs)
