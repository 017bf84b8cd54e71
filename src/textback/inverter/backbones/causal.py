"""A decoder-only backbone (Llama or Qwen shape): what was read is the prefix of what is written.

Any causal model of the transformers library whose logits are its last hidden states times a matrix.
Decoding uses the library's static cache, repeated beam by beam after the prefix is read.
"""

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM
from transformers.cache_utils import StaticCache

from textback.config import Backbone as BackboneEntry
from textback.errors import TextbackError
from textback.inverter.backbones import load
from textback.inverter.shapes import SIZES
from textback.tokenizer import PAD


class CausalCache:
    """The library's static cache, a row for each beam of each text."""

    def __init__(self, cache: StaticCache, width: int) -> None:
        self.cache, self.width = cache, width

    def spread(self) -> None:
        """Repeat every row for each beam."""
        for layer in self.cache.layers:
            layer.keys = layer.keys.repeat_interleave(self.width, 0)
            layer.values = layer.values.repeat_interleave(self.width, 0)

    def reorder(self, parent: Tensor) -> None:
        """See `Cache.reorder`."""
        first = torch.arange(len(parent), device=parent.device)[:, None] * self.width
        rows = (first + parent).flatten()
        for layer in self.cache.layers:
            layer.keys.copy_(layer.keys[rows])
            layer.values.copy_(layer.values[rows])


class CausalBackbone(nn.Module):
    """See `textback.inverter.backbones.Backbone`."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.causal = model
        self.d_model = model.config.hidden_size
        self.vocabulary = model.config.vocab_size
        starts = (model.config.bos_token_id, model.config.eos_token_id, PAD)
        self._start = next(token for token in starts if isinstance(token, int))

    @classmethod
    def new(cls, entry: BackboneEntry, vocabulary: int) -> "CausalBackbone":
        """From scratch in a named size, or pretrained."""
        if entry.pretrained is None:
            return cls(LlamaForCausalLM(_config(entry, vocabulary)))
        model = load(AutoModelForCausalLM, entry.pretrained, dtype=torch.float32)
        backbone = cls(model)
        backbone._check_output(entry.pretrained)
        return backbone

    def embed(self, ids: Tensor) -> Tensor:
        """See `Backbone.embed`."""
        return self.causal.get_input_embeddings()(ids)

    def read(self, inputs: Tensor, unseen: int | None = None) -> Tensor:
        """See `Backbone.read`: the prefix as it is."""
        return inputs

    def write(self, memory: Tensor, ids: Tensor) -> Tensor:
        """See `Backbone.write`."""
        inputs = torch.cat([self._prefix(memory), self.embed(ids)], 1)
        return self._hidden(inputs)[:, memory.shape[1] :]

    def output_weight(self) -> Tensor:
        """See `Backbone.output_weight`."""
        return self.causal.get_output_embeddings().weight

    def token_embedding(self) -> nn.Parameter:
        """See `Backbone.token_embedding`."""
        return self.causal.get_input_embeddings().weight

    def specials(self) -> Tensor:
        """See `Backbone.specials`: the start token is both."""
        return self.token_embedding()[[self._start, self._start]]

    def start(self, memory: Tensor, length: int, width: int) -> tuple[Tensor, CausalCache]:
        """See `Backbone.start`."""
        room = memory.shape[1] + length
        cache = CausalCache(StaticCache(self.causal.config, max_cache_len=room), width)
        hidden = self._hidden(self._prefix(memory), cache.cache)[:, -1]
        cache.spread()
        return hidden, cache

    def step(self, ids: Tensor, position: Tensor, cache: CausalCache) -> Tensor:
        """See `Backbone.step`."""
        inputs = self.embed(ids.reshape(-1, 1))
        return self._hidden(inputs, cache.cache).view(*ids.shape, -1)

    def _prefix(self, memory: Tensor) -> Tensor:
        return torch.cat([memory, self.specials()[0].expand(len(memory), 1, -1)], 1)

    def _hidden(self, inputs: Tensor, cache: StaticCache | None = None) -> Tensor:
        """Last hidden states of inputs, (n, t, d_model) → the same shape."""
        return self.causal.get_decoder()(
            inputs_embeds=inputs, past_key_values=cache, use_cache=cache is not None
        ).last_hidden_state

    @torch.no_grad()
    def _check_output(self, name: str) -> None:
        """Raise TextbackError where logits are more than hidden states times a matrix."""
        inputs = self.specials()[None]
        expected = self.causal(inputs_embeds=inputs).logits
        if not torch.allclose(self._hidden(inputs) @ self.output_weight().T, expected, atol=1e-3):
            raise TextbackError(
                f"pretrained {name}: scales or caps its logits, which is not supported: choose a "
                "Llama, Qwen or T5 model"
            )


def _config(entry: BackboneEntry, vocabulary: int) -> LlamaConfig:
    shape = SIZES[entry.size]
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=shape.d_model,
        intermediate_size=shape.d_ff,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        attention_dropout=entry.dropout,
        pad_token_id=PAD,
        bos_token_id=PAD,
        eos_token_id=None,
        tie_word_embeddings=True,
    )
