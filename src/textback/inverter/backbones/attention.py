"""The library's attention, in the precision in which a device is fast.

On a CPU the fused kernel takes up to twice as long in bf16 as in fp32, most so for short texts, and
its backward pass up to ten times as long (seen with torch 2.15): there texts are attended to in
fp32, whatever the precision of other products.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

ATTENTION = "textback"
# Under this name it is given no mask. What a decoder-only model reads and writes has no padding:
# "causal" says it all. A mask would be made anew in each pass, which waits for the GPU, and its
# fastest kernels take none.
CAUSAL = "textback-causal"


def attend(module: nn.Module, *inputs: Tensor | None, **options: Any) -> tuple[Tensor, None]:
    """See `transformers.AttentionInterface`: query, key, value and mask, and what a model adds."""
    value = inputs[2]
    autocast = torch.is_autocast_enabled(value.device.type)
    if value.device.type != "cpu" or not autocast:
        return sdpa_attention_forward(module, *inputs, **options)
    with torch.autocast("cpu", enabled=False):
        options = {name: _single(option) for name, option in options.items()}
        mixed, _ = sdpa_attention_forward(module, *map(_single, inputs), **options)
    return mixed.to(value.dtype), None


def _single(option: Any) -> Any:
    """In fp32, where it is a tensor of numbers."""
    if isinstance(option, Tensor) and option.is_floating_point():
        return option.float()
    return option


for name in (ATTENTION, CAUSAL):
    AttentionInterface.register(name, attend)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)
