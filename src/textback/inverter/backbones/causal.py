"""A decoder-only backbone of Llama or Qwen shape: what was read is the prefix of what is written.

Training runs the library's own modules. Decoding runs the same weights step by step over caches of
fixed size: the prefix's keys and values lie once a text, for all its beams together, those of what
is written are each beam's own (`written.py`). A step has fixed shapes and no Python branches, so
that it compiles whole.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM
from transformers.cache_utils import DynamicCache

from textback.attention import CAUSAL
from textback.config import Backbone as BackboneEntry
from textback.errors import TextbackError
from textback.inverter.backbones import load
from textback.inverter.backbones.written import Pair, written
from textback.inverter.shapes import SIZES
from textback.tokenizer import PAD

GATE_TOLERANCE = 1e-4  # of the largest logit


class CausalCache:
    """Keys and values of the layers.

    read: of the prefix, a pair a layer, (n, groups, prefix, head_dim) each
    own: of what is written
    rotation: cosines and signed sines of the positions that are written, (length, head_dim) each
    draft: added to the inputs, (n, length, d_model), or none
    """

    def __init__(
        self,
        read: list[Pair],
        width: int,
        length: int,
        rotation: Pair,
        draft: Tensor | None = None,
    ) -> None:
        self.read, self.rotation, self.draft = read, rotation, draft
        n, groups, _, head_dim = read[0][0].shape
        self.own = written(len(read), (n, width, length, groups, head_dim), read[0][0])


class CausalBackbone(nn.Module):
    """See `textback.inverter.backbones.Backbone`."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        model.set_attn_implementation(CAUSAL)
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
        options = {"attention_dropout": entry.dropout, "dtype": torch.float32}
        backbone = cls(load(AutoModelForCausalLM, entry, **options))
        backbone._check_shape(entry.pretrained)
        return backbone

    def embed(self, ids: Tensor) -> Tensor:
        """See `Backbone.embed`."""
        return self.causal.get_input_embeddings()(ids)

    def read(self, inputs: Tensor, unseen: int | None = None) -> Tensor:
        """See `Backbone.read`: the prefix as it is."""
        return inputs

    def write(self, memory: Tensor, ids: Tensor, draft: Tensor | None = None) -> Tensor:
        """See `Backbone.write`."""
        inputs = torch.cat([self._prefix(memory, draft), _drafted(self.embed(ids), draft, 1)], 1)
        return self._hidden(inputs)[:, memory.shape[1] :]

    def output_weight(self) -> Tensor:
        """See `Backbone.output_weight`."""
        return self.causal.get_output_embeddings().weight

    def token_embedding(self) -> nn.Parameter:
        """See `Backbone.token_embedding`."""
        return self.causal.get_input_embeddings().weight

    def specials(self) -> Tensor:
        """See `Backbone.specials`: the start token is both."""
        start = self.token_embedding()[self._start]
        return torch.stack([start, start])

    def start(
        self, memory: Tensor, length: int, width: int, draft: Tensor | None = None
    ) -> tuple[Tensor, CausalCache]:
        """See `Backbone.start`."""
        prefix = DynamicCache()
        hidden = self._hidden(self._prefix(memory, draft), prefix)[:, -1]
        read = [
            tuple(_computed(part).contiguous() for part in (layer.keys, layer.values))
            for layer in prefix.layers
        ]
        first = read[0][0].shape[2]
        positions = torch.arange(first, first + length, device=memory.device)
        rotation = self._rotation(self.token_embedding().detach(), positions)
        return hidden, CausalCache(read, width, length, rotation, draft)

    def step(self, ids: Tensor, position: Tensor, cache: CausalCache) -> Tensor:
        """See `Backbone.step`."""
        decoder = self.causal.get_decoder()
        hidden = self.embed(ids)
        if cache.draft is not None:
            hidden = hidden + cache.draft.index_select(1, position.view(1))
        index = position - 1  # the token before the one to be written
        rotation = tuple(part.index_select(0, index.view(1)) for part in cache.rotation)
        for number, layer in enumerate(decoder.layers):
            attention, normed = layer.self_attn, _normed(layer.input_layernorm, hidden)
            new = _projected(attention, normed, rotation)
            mixed = cache.own.attend(number, *new, index, cache.read[number])
            hidden = hidden + attention.o_proj(mixed.flatten(2))
            hidden = hidden + layer.mlp(_normed(layer.post_attention_layernorm, hidden))
        return decoder.norm(hidden)

    def _rotation(self, like: Tensor, positions: Tensor) -> Pair:
        """Rotary position embedding (Su et al. 2021): cosines and sines, (positions, head_dim).

        The sines of the first half are negative: see `_rotated`.
        """
        cosines, sines = self.causal.get_decoder().rotary_emb(like, positions[None])
        first, second = sines[0].chunk(2, -1)
        return cosines[0], torch.cat([-first, second], -1)

    def _prefix(self, memory: Tensor, draft: Tensor | None = None) -> Tensor:
        start = self.specials()[0].expand(len(memory), 1, -1)
        return torch.cat([memory, _drafted(start, draft, 0)], 1)

    def _hidden(self, inputs: Tensor, cache: DynamicCache | None = None) -> Tensor:
        """Last hidden states of inputs, (n, t, d_model) → the same shape."""
        return self.causal.get_decoder()(
            inputs_embeds=inputs, past_key_values=cache, use_cache=cache is not None
        ).last_hidden_state

    @torch.no_grad()
    def _check_shape(self, name: str) -> None:
        """Raise TextbackError where the library's own pass gives other logits than ours."""
        ids = torch.arange(3)[None] % self.vocabulary
        memory = self.embed(ids.flip(1))
        try:
            _, cache = self.start(memory, 4, 1)
            steps = [self.step(ids[:, [i]], torch.tensor(i + 1), cache) for i in range(3)]
            ours = steps[-1][:, 0] @ self.output_weight().T
            inputs = torch.cat([self._prefix(memory), self.embed(ids)], 1)
            self.causal.set_attn_implementation("sdpa")  # with whatever mask the library makes
            theirs = self.causal(inputs_embeds=inputs).logits[:, -1]
            self.causal.set_attn_implementation(CAUSAL)
            fits = (ours - theirs).abs().max() <= GATE_TOLERANCE * theirs.abs().max()
        except (AttributeError, TypeError, RuntimeError, ValueError):
            fits = False
        if not fits:
            raise TextbackError(
                f"pretrained {name}: is not of Llama or Qwen shape ({self.causal.config.model_type}"
                "): choose such a model, or a T5"
            )


def _drafted(inputs: Tensor, draft: Tensor | None, first: int) -> Tensor:
    """Inputs (n, t, d_model) with the draft's positions from the first on added to them."""
    return inputs if draft is None else inputs + draft[:, first : first + inputs.shape[1]]


def _normed(norm: nn.Module, hidden: Tensor) -> Tensor:
    """What a layer's modules read, of the same shape; by one kernel, not its own eight."""
    if hasattr(norm, "variance_epsilon"):  # not every backbone's is a root mean square's
        hidden = F.rms_norm(hidden, norm.weight.shape, norm.weight, norm.variance_epsilon)
    else:
        hidden = norm(hidden)
    return _computed(hidden)


def _computed(x: Tensor) -> Tensor:
    """A tensor in the precision of matrix products, so that none converts it anew."""
    device = x.device.type
    return x.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else x


def _projected(
    attention: nn.Module, hidden: Tensor, rotation: Pair
) -> tuple[Tensor, Tensor, Tensor]:
    """Query, scaled, key and value of a new token of each beam, (n, beams, heads, head_dim) each.

    hidden: (n, beams, d_model); rotation: of its position, (1, head_dim)
    """
    n, beams, _ = hidden.shape
    parts = (attention.q_proj, attention.k_proj, attention.v_proj)
    query, key, value = (f(hidden).view(n, beams, -1, attention.head_dim) for f in parts)
    if hasattr(attention, "q_norm"):  # Qwen 3
        query, key = attention.q_norm(query), attention.k_norm(key)
    heads = query.shape[2], key.shape[2]
    both = _rotated(torch.cat([query, key], 2), rotation).to(value.dtype)
    query, key = both.split(heads, 2)
    return query * attention.scaling, key, value


def _rotated(x: Tensor, rotation: Pair) -> Tensor:
    """Rotary position embedding of (…, heads, head_dim), as Llama lays it out."""
    cosines, signed_sines = rotation
    return torch.addcmul(x * cosines, x.roll(x.shape[-1] // 2, -1), signed_sines)


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
