"""Attention of the library's models, in the precision and by the kernels in which a device is fast.

On a CPU the fused kernel takes up to twice as long in bf16 as in fp32, and its backward pass up to
ten times as long (seen with torch 2.15). So texts of a few tokens are attended to in fp32 there,
whatever the precision of other products, and longer ones by products in bf16, which take two thirds
of that; where heads share keys, in fp32 as well.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AttentionInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

ATTENTION = "textback"
# Under this name it is given no mask. What a decoder-only model reads and writes has no padding:
# "causal" says it all. A mask would be made anew in each pass, which waits for the GPU, and its
# fastest kernels take none.
CAUSAL = "textback-causal"
LEAST = torch.finfo(torch.float32).min  # as the library has it: who sees nothing has no NaN
FEW = 16  # tokens attended to, up to which the fused kernel in fp32 is faster than products in bf16


def use(model: PreTrainedModel) -> None:
    """Let a model attend so that would have taken torch's own kernels, causally or not."""
    if model.config._attn_implementation == "sdpa":
        model.set_attn_implementation(ATTENTION)


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    **options: Any,
) -> tuple[Tensor, None]:
    """See `transformers.AttentionInterface`; options: what a model adds."""
    inputs = query, key, value, mask
    if value.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
        return sdpa_attention_forward(module, *inputs, **options)
    if key.shape[2] > FEW and query.shape[1] == key.shape[1] and not options.get("softcap"):
        return _by_products(module, *inputs, **options).to(value.dtype), None
    with torch.autocast("cpu", enabled=False):
        options = {name: _single(option) for name, option in options.items()}
        mixed, _ = sdpa_attention_forward(module, *map(_single, inputs), **options)
    return mixed.to(value.dtype), None


def _by_products(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    is_causal: bool | None = None,
    position_bias: Tensor | None = None,
    **others: Any,
) -> Tensor:
    """As the library's own, by products in the autocast's precision; the softmax is in fp32.

    query, key and value: (n, heads, t, head_dim); mask: what may be seen, or logits, both (…, t, t)
    → (n, t, heads, head_dim)
    """
    logits = (query @ key.mT).float() * (query.shape[3] ** -0.5 if scaling is None else scaling)
    if position_bias is not None:
        logits = logits + position_bias
    causal = getattr(module, "is_causal", True) if is_causal is None else is_causal
    if mask is None and causal and query.shape[2] > 1:
        mask = torch.ones(logits.shape[2:], dtype=torch.bool, device=logits.device).tril()
    if mask is not None:
        hide = mask.dtype == torch.bool
        logits = logits.masked_fill(~mask, LEAST) if hide else logits + mask
    weights = F.dropout(logits.softmax(-1), dropout).to(value.dtype)
    return (weights @ value).transpose(1, 2).contiguous()


def _single(option: Any) -> Any:
    """In fp32, where it is a tensor of numbers."""
    if isinstance(option, Tensor) and option.is_floating_point():
        return option.float()
    return option


for name in (ATTENTION, CAUSAL):
    AttentionInterface.register(name, attend)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)
