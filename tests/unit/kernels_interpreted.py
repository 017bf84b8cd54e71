"""Attention to what beams have written, against plain references; run by test_kernels.py.

In fp32: Triton's interpreter multiplies no bf16 matrices.
"""

import logging

import pytest
import torch

from textback.inverter.backbones import kernels, written
from textback.inverter.backbones.written import Copied, Indexed
from textback.inverter.decoding import beam_search

LENGTH = 5


def plain_attention(query, past, bias):
    """Of one head of one beam: query (dim,), past: keys and values, (t, dim) each; bias (t,)."""
    keys, values = past
    return ((keys @ query + bias).softmax(0)[:, None] * values).sum(0)


# n, beams, width, heads, groups, head_dim, length, prefix; more than a block of beams, of tokens
# and of a prefix
SHAPES = [
    (1, 2, 2, 1, 1, 8, 2, 130),
    (2, 3, 3, 2, 2, 16, 5, 4),
    (2, 17, 20, 4, 2, 12, 9, 18),
    (1, 1, 4, 2, 2, 8, 10, 0),
    (2, 20, 20, 2, 1, 48, 12, 0),
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("biased", [False, True])
def test_a_beam_attends_to_its_own_past_wherever_it_lies(shape, biased):
    n, beams, width, heads, groups, dim, length, prefix = shape
    generator = torch.Generator().manual_seed(0)

    def drawn(*size):
        return torch.randn(size, generator=generator)

    query, keys, values = drawn(n, beams, heads, dim), *drawn(2, n, length, width, groups, dim)
    slots = torch.randint(width, (n, width, length), generator=generator, dtype=torch.int32)
    read = tuple(drawn(2, n, groups, prefix, dim)) if prefix else None
    bias = drawn(heads, length) if biased else None
    for last in (0, length // 2, length - 1):
        unwritten = [kept.clone() for kept in (keys, values)]
        for kept in unwritten:
            kept[:, last + 1 :] = torch.nan
        found = kernels.attend(query, *unwritten, slots, torch.tensor(last), read, bias)
        for i, j, head in torch.cartesian_prod(*map(torch.arange, (n, beams, heads))).tolist():
            group, before = head // (heads // groups), range(last + 1)
            own = [
                torch.stack([x[i, t, slots[i, j, t], group] for t in before])
                for x in (keys, values)
            ]
            added = bias[head, : last + 1] if biased else torch.zeros(last + 1)
            if read is not None:
                own = [torch.cat([x[i, group], part]) for x, part in zip(read, own, strict=True)]
                added = torch.cat([torch.zeros(prefix), added])
            expected = plain_attention(query[i, j, head], own, added)
            assert torch.allclose(found[i, j, head], expected, atol=1e-5)


def test_beams_that_change_places_take_their_past_along():
    """As where it is copied."""
    shape, layers = (2, 3, LENGTH, 2, 16), 2
    both = [kind(layers, shape, torch.zeros(1)) for kind in (Copied, Indexed)]
    generator = torch.Generator().manual_seed(0)
    for position in range(LENGTH):
        parent = torch.randint(3, (2, 3), generator=generator)
        for layer in range(layers):
            new = torch.randn(3, 2, 3, 2, 16, generator=generator)
            found, expected = (own.attend(layer, *new, torch.tensor(position)) for own in both)
            assert torch.allclose(found, expected, atol=1e-5)
        for own in both:
            own.reorder(parent)


@pytest.mark.parametrize("width", [1, 3])
def test_beam_search_writes_what_it_writes_with_copies(each_model, each_input, width, monkeypatch):
    with torch.no_grad():
        expected = beam_search(each_model, each_model.read(*each_input), LENGTH, width)
        monkeypatch.setattr(written, "_kind", lambda like, head_dim: Indexed)
        found = beam_search(each_model, each_model.read(*each_input), LENGTH, width)
    assert torch.equal(found[0], expected[0])
    assert torch.allclose(found[1], expected[1], atol=1e-4)


@pytest.mark.parametrize("head_dim", [8, 64])
def test_the_check_before_a_kernel_is_used_finds_it_good(head_dim):
    assert written._has_kernels.__wrapped__(torch.float32, head_dim, "cpu")


def test_a_kernel_that_says_something_else_is_not_used_and_it_says_so(monkeypatch, logged):
    right = kernels.attend
    monkeypatch.setattr(kernels, "attend", lambda *given: 1.1 * right(*given))
    assert not written._has_kernels.__wrapped__(torch.float32, 8, "cpu")
    (warning,) = logged.lines(logging.WARNING)
    assert "decoding copies beams instead (off by 0.1)" in warning
