"""Decoding: passages of a fixed length from what the encoder has read.

Passages of a cell all have one length, so there is no end token and no padding: every sequence
stops after `length` tokens, and the special token is never chosen.
"""

import torch
from torch import Tensor
from transformers.cache_utils import EncoderDecoderCache

from textback.inverter.model import Inverter, new_cache
from textback.tokenizer import PAD


@torch.inference_mode()
def beam_search(
    model: Inverter, encoded: Tensor, lexical: Tensor, length: int, width: int
) -> tuple[Tensor, Tensor]:
    """The `width` likeliest passages a beam search finds; width 1 is greedy decoding.

    encoded: (n, inputs, d_model), lexical: (n, vocabulary), from `Inverter.encode`
    Returns ids, (n, width, length), best first, and log-likelihoods, (n, width).
    """
    n = len(encoded)
    cache = new_cache()
    start = torch.full((n, 1), PAD, device=encoded.device)
    logp = _next(model, encoded, lexical, start, cache)
    scores, tokens = logp.topk(width)
    ids = tokens[..., None]
    rows = torch.arange(n, device=encoded.device).repeat_interleave(width)
    cache.reorder_cache(rows)
    encoded, lexical = encoded[rows], lexical[rows]
    for _ in range(1, length):
        logp = _next(model, encoded, lexical, ids[..., -1].reshape(-1, 1), cache)
        vocabulary = logp.shape[-1]
        total = (scores.reshape(-1, 1) + logp).view(n, width * vocabulary)
        scores, chosen = total.topk(width)
        parent, token = chosen // vocabulary, chosen % vocabulary
        ids = torch.cat([ids.gather(1, parent[..., None].expand_as(ids)), token[..., None]], -1)
        if width > 1:
            first = torch.arange(n, device=ids.device)[:, None] * width
            cache.reorder_cache((first + parent).flatten())
    return ids, scores


@torch.inference_mode()
def sample(
    model: Inverter,
    encoded: Tensor,
    lexical: Tensor,
    length: int,
    temperature: float,
    generator: torch.Generator,
) -> Tensor:
    """One passage drawn for each row, (n, length)."""
    cache = new_cache()
    ids = torch.full((len(encoded), 1), PAD, device=encoded.device)
    for _ in range(length):
        logp = _next(model, encoded, lexical, ids[:, -1:], cache)
        drawn = torch.multinomial((logp / temperature).softmax(-1), 1, generator=generator)
        ids = torch.cat([ids, drawn], 1)
    return ids[:, 1:]


def _next(
    model: Inverter, encoded: Tensor, lexical: Tensor, ids: Tensor, cache: EncoderDecoderCache
) -> Tensor:
    """Log-probabilities of the next token, (n, vocabulary); the special token has none."""
    logits = model.decode(encoded, lexical, ids, cache)[:, -1].float()
    logits[:, PAD] = -torch.inf
    return logits.log_softmax(-1)
