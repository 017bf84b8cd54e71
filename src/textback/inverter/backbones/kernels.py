"""Attention of the last token of each beam, as one kernel of a GPU (Triton).

Beams of a text have most of their past in common, and change places after each token. Their keys
and values stay where they were written; of each beam a table tells where those of its past lie. So
nothing is copied, and nothing is read but what has been written.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

BEAMS, TOKENS = 16, 4  # of one text, and of their past, that are read together
SHARED_BYTES = 8192  # of keys of a prefix, as many as its values
WARPS = 4


def attend(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    slots: Tensor,
    index: Tensor,
    read: tuple[Tensor, Tensor] | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """What the beams of n texts mix of their own past and of a prefix that they share.

    query: scaled, (n, beams, heads, head_dim); keys and values: what was written, (n, length,
    width, groups, head_dim) each; slots: at which of `width` places lies what a beam wrote at a
    position, (n, width, length) int32; index: the last position, (); read: keys and values of the
    prefix, (n, groups, prefix, head_dim) each; bias: added to the scores of own positions, (heads,
    length) → as `query`
    """
    n, beams, heads, head_dim = query.shape
    _, length, width, groups, _ = keys.shape
    query = query.contiguous()
    mixed = torch.empty_like(query)
    unused = query  # stands for what there is not
    read_keys, read_values = (unused, unused) if read is None else (x.contiguous() for x in read)
    padded_dim = max(16, triton.next_power_of_2(head_dim))
    _attend[(n, heads, triton.cdiv(beams, BEAMS))](
        query=query,
        keys=keys,
        values=values,
        slots=slots,
        index=index,
        read_keys=read_keys,
        read_values=read_values,
        bias=unused if bias is None else bias.contiguous(),
        mixed=mixed,
        beams=beams,
        heads=heads,
        head_dim=head_dim,
        length=length,
        width=width,
        groups=groups,
        prefix=0 if read is None else read_keys.shape[2],
        has_prefix=read is not None,
        has_bias=bias is not None,
        beams_together=BEAMS,
        tokens_together=TOKENS,
        shared_together=shared_together(padded_dim, query.element_size()),
        padded_dim=padded_dim,
        num_warps=WARPS,
    )
    return mixed


def shared_together(padded_dim: int, element_size: int) -> int:
    """Tokens of a prefix that are read together: 64 in bf16 of 64 dimensions, 16 at least."""
    return max(16, min(64, SHARED_BYTES // (padded_dim * element_size)))


@triton.jit
def _attend(
    query,  # noqa: ANN001
    keys,  # noqa: ANN001
    values,  # noqa: ANN001
    slots,  # noqa: ANN001
    index,  # noqa: ANN001
    read_keys,  # noqa: ANN001
    read_values,  # noqa: ANN001
    bias,  # noqa: ANN001
    mixed,  # noqa: ANN001
    beams,  # noqa: ANN001
    heads,  # noqa: ANN001
    head_dim: tl.constexpr,
    length,  # noqa: ANN001
    width,  # noqa: ANN001
    groups,  # noqa: ANN001
    prefix,  # noqa: ANN001
    has_prefix: tl.constexpr,
    has_bias: tl.constexpr,
    beams_together: tl.constexpr,
    tokens_together: tl.constexpr,
    shared_together: tl.constexpr,
    padded_dim: tl.constexpr,
):
    """Some beams of a text, one head: softmax as it goes (Milakov and Gimelshein 2018)."""
    text, head = tl.program_id(0).to(tl.int64), tl.program_id(1)
    # From here on a text's own, so that offsets fit in 32 bits.
    before = text * length * width * groups * head_dim
    keys, values, slots = keys + before, values + before, slots + text * width * length
    query, mixed = query + text * beams * heads * head_dim, mixed + text * beams * heads * head_dim
    group = head // (heads // groups)
    beam = tl.program_id(2) * beams_together + tl.arange(0, beams_together)
    dim = tl.arange(0, padded_dim)
    real, inside = beam < beams, dim < head_dim
    place = (beam * heads + head)[:, None] * head_dim + dim[None, :]
    asked = tl.load(query + place, mask=real[:, None] & inside[None, :], other=0.0)
    wide = asked.to(tl.float32)

    most = tl.full((beams_together,), float("-inf"), tl.float32)
    total = tl.zeros((beams_together,), tl.float32)
    sums = tl.zeros((beams_together, padded_dim), tl.float32)

    if has_prefix:
        read = (text * groups + group) * prefix * head_dim
        for start in range(0, prefix, shared_together):
            shared = start + tl.arange(0, shared_together)
            held = (shared < prefix)[:, None] & inside[None, :]
            there = shared[:, None] * head_dim + dim[None, :]
            shared_key = tl.load(read_keys + read + there, mask=held, other=0.0)
            shared_value = tl.load(read_values + read + there, mask=held, other=0.0)
            near = tl.dot(asked, tl.trans(shared_key), input_precision="ieee")
            near = tl.where((shared < prefix)[None, :], near, float("-inf"))
            higher = tl.maximum(most, tl.max(near, 1))
            weight = tl.exp(near - higher[:, None])
            fade = tl.exp(most - higher)
            mixture = tl.dot(weight.to(shared_value.dtype), shared_value, input_precision="ieee")
            sums = sums * fade[:, None] + mixture
            total = total * fade + tl.sum(weight, 1)
            most = higher

    last = tl.load(index)
    for first in range(0, last + 1, tokens_together):
        token = first + tl.arange(0, tokens_together)
        written = token <= last
        known = real[:, None] & written[None, :]
        slot = tl.load(slots + (beam * length)[:, None] + token[None, :], mask=known, other=0)
        row = token[None, :] * width + slot
        where = ((row * groups + group) * head_dim)[:, :, None] + dim[None, None, :]
        within = known[:, :, None] & inside[None, None, :]
        key = tl.load(keys + where, mask=within, other=0.0).to(tl.float32)
        score = tl.sum(wide[:, None, :] * key, 2)
        if has_bias:
            score += tl.load(bias + head * length + token, mask=written, other=0.0)[None, :]
        score = tl.where(written[None, :], score, float("-inf"))
        higher = tl.maximum(most, tl.max(score, 1))
        share = tl.exp(score - higher[:, None])
        fade = tl.exp(most - higher)
        value = tl.load(values + where, mask=within, other=0.0).to(tl.float32)
        sums = sums * fade[:, None] + tl.sum(share[:, :, None] * value, 1)
        total = total * fade + tl.sum(share, 1)
        most = higher
    result = (sums / total[:, None]).to(mixed.dtype.element_ty)
    tl.store(mixed + place, result, mask=real[:, None] & inside[None, :])
