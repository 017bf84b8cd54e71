"""The T5 backbone (Raffel et al. 2020): an encoder reads, a decoder writes.

Training runs the library's own modules. Decoding runs the same weights step by step over caches of
fixed size: self-attention's keys and values are each beam's own (`written.py`), cross-attention's
lie once a text, for all its beams together. A step has fixed shapes and no Python branches, so that
it compiles whole.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AutoConfig, T5Config, T5ForConditionalGeneration

from textback.attention import ATTENTION
from textback.config import Backbone as BackboneEntry
from textback.inverter.backbones import T5S, load
from textback.inverter.backbones.written import Pair, written
from textback.inverter.shapes import SIZES
from textback.tokenizer import PAD


class T5Cache:
    """Keys and values of a decoder's layers.

    own: of self-attention
    read: of cross-attention, a pair a layer, (n, heads, inputs, d_kv) each
    bias: of self-attention, (heads, length, length)
    draft: added to the inputs, (n, length, d_model), or none
    """

    def __init__(
        self,
        width: int,
        read: list[Pair],
        bias: Tensor,
        draft: Tensor | None = None,
    ) -> None:
        self.read, self.bias, self.draft = read, bias, draft
        n, heads, _, d_kv = read[0][0].shape
        self.own = written(len(read), (n, width, bias.shape[-1], heads, d_kv), read[0][0])


class T5Backbone(nn.Module):
    """See `textback.inverter.backbones.Backbone`."""

    def __init__(self, model: T5ForConditionalGeneration) -> None:
        super().__init__()
        model.set_attn_implementation(ATTENTION)
        self.t5 = model
        self.d_model = model.config.d_model
        self.vocabulary = model.config.vocab_size

    @classmethod
    def new(cls, entry: BackboneEntry, vocabulary: int) -> "T5Backbone":
        """From scratch in a named size, or pretrained."""
        if entry.pretrained is None:
            return cls(T5ForConditionalGeneration(_config(entry, vocabulary)))
        options = {"dropout_rate": entry.dropout, "dtype": torch.float32}
        return cls(load(T5S[load(AutoConfig, entry).model_type], entry, **options))

    def embed(self, ids: Tensor) -> Tensor:
        """See `Backbone.embed`."""
        return self.t5.shared(ids)

    def read(self, inputs: Tensor, unseen: int | None = None) -> Tensor:
        """See `Backbone.read`: the encoder's output."""
        if unseen is None:
            return self.t5.encoder(inputs_embeds=inputs).last_hidden_state
        mask = torch.ones(inputs.shape[:2], dtype=torch.long, device=inputs.device)
        mask[:, unseen] = 0
        read = self.t5.encoder(inputs_embeds=inputs, attention_mask=mask).last_hidden_state
        return torch.cat([read[:, :unseen], read[:, unseen + 1 :]], 1)

    def write(self, memory: Tensor, ids: Tensor, draft: Tensor | None = None) -> Tensor:
        """See `Backbone.write`."""
        inputs = self.embed(F.pad(ids, (1, 0), value=PAD))
        written = self.t5.decoder(
            inputs_embeds=inputs if draft is None else inputs + draft[:, : inputs.shape[1]],
            encoder_hidden_states=memory,
            use_cache=False,
        )
        return self._scaled(written.last_hidden_state)

    def output_weight(self) -> Tensor:
        """See `Backbone.output_weight`."""
        return self.t5.lm_head.weight

    def token_embedding(self) -> nn.Parameter:
        """See `Backbone.token_embedding`."""
        return self.t5.shared.weight

    def specials(self) -> Tensor:
        """See `Backbone.specials`; without an end token the start token is the separator, too."""
        weight, end = self.t5.shared.weight, self.t5.config.eos_token_id
        return torch.stack([weight[PAD], weight[PAD if end is None else end]])

    def start(
        self, memory: Tensor, length: int, width: int, draft: Tensor | None = None
    ) -> tuple[Tensor, T5Cache]:
        """See `Backbone.start`."""
        blocks = self.t5.decoder.block
        read = [_keys_and_values(block.layer[1].EncDecAttention, memory) for block in blocks]
        bias = blocks[0].layer[0].SelfAttention.compute_bias(length, length, device=memory.device)
        cache = T5Cache(width, read, bias[0], draft)
        start = torch.full((len(memory), 1), PAD, device=memory.device)
        zero = torch.zeros((), dtype=torch.long, device=memory.device)
        return self._step(start, zero, cache)[:, 0], cache

    def step(self, ids: Tensor, position: Tensor, cache: T5Cache) -> Tensor:
        """See `Backbone.step`."""
        return self._step(ids, position, cache)

    def _step(self, ids: Tensor, position: Tensor, cache: T5Cache) -> Tensor:
        """One position of all beams; a single beam given is written into every beam's cache."""
        hidden = self.t5.shared(ids)
        if cache.draft is not None:
            hidden = hidden + cache.draft.index_select(1, position.view(1))
        bias = cache.bias.index_select(1, position.view(1))[:, 0]
        for number, block in enumerate(self.t5.decoder.block):
            attention, crossing, forward = block.layer
            new = _projected(attention, hidden)
            mixed = cache.own.attend(number, *new, position, bias=bias)
            hidden = hidden + attention.SelfAttention.o(mixed.flatten(2))
            hidden = hidden + _attend_read(crossing, hidden, cache.read[number])
            hidden = forward(hidden)
        return self._scaled(self.t5.decoder.final_layer_norm(hidden))

    def _scaled(self, hidden: Tensor) -> Tensor:
        """T5 with tied embeddings divides its last hidden states by sqrt(d_model); mT5 does not."""
        scales = getattr(self.t5.config, "scale_decoder_outputs", False)
        return hidden * self.d_model**-0.5 if scales else hidden


def _projected(layer: nn.Module, hidden: Tensor) -> list[Tensor]:
    """Query, key and value of a new position, (n, beams, heads, d_kv) each; T5 scales none."""
    attention, normed = layer.SelfAttention, layer.layer_norm(hidden)
    shape = (*hidden.shape[:2], attention.n_heads, attention.key_value_proj_dim)
    return [f(normed).view(shape) for f in (attention.q, attention.k, attention.v)]


def _attend_read(layer: nn.Module, hidden: Tensor, read: tuple[Tensor, Tensor]) -> Tensor:
    """Cross-attention: the beams of a text are queries to the same keys and values."""
    attention = layer.EncDecAttention
    query = attention.q(layer.layer_norm(hidden))
    query = query.view(*hidden.shape[:2], attention.n_heads, -1).transpose(1, 2)
    mixed = F.scaled_dot_product_attention(query, *read, scale=1.0)
    return attention.o(mixed.transpose(1, 2).reshape(*hidden.shape[:2], -1))


def _keys_and_values(attention: nn.Module, memory: Tensor) -> Pair:
    """Of cross-attention, (n, heads, inputs, d_kv) each."""
    shape = (*memory.shape[:2], attention.n_heads, attention.key_value_proj_dim)
    keys, values = (f(memory).view(shape).transpose(1, 2) for f in (attention.k, attention.v))
    return keys, values


def _config(entry: BackboneEntry, vocabulary: int) -> T5Config:
    shape = SIZES[entry.size]
    return T5Config(
        vocab_size=vocabulary,
        d_model=shape.d_model,
        d_kv=shape.d_model // shape.heads,
        d_ff=shape.d_ff,
        num_layers=shape.encoder_layers,
        num_decoder_layers=shape.decoder_layers,
        num_heads=shape.heads,
        dropout_rate=entry.dropout,
        pad_token_id=PAD,
        decoder_start_token_id=PAD,
        eos_token_id=None,
        tie_word_embeddings=True,
    )
