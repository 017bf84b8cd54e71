"""The inverter's network: a T5 whose encoder reads vectors, after Morris et al. 2023, section 3.

A vector reaches the text by two ways. An *adapter* (an MLP) projects it to `embedding_tokens`
encoder inputs, as in the paper. A *lexical head* (a linear map to the vocabulary) adds to the
logits of every position: it learns within seconds which words a vector speaks of, and leaves the
order to the T5. Without it a small budget goes into rediscovering the bag of words.

    hypothesizer  reads e
    corrector     reads e, ê, e − ê, each by its own adapter, and the tokens of the hypothesis x̂
    null model    reads nothing (a vector of one zero)
"""

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import T5Config, T5ForConditionalGeneration
from transformers.cache_utils import DynamicCache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput

from textback.config import Backbone
from textback.errors import TextbackError
from textback.tokenizer import PAD

# Times sqrt(d_model). In equal time 2 was 0.2 nats a token better than 0.7; not tuned further.
EMBEDDING_RATE = 3.0


class Reader(nn.Module):
    """Turns one kind of vector into encoder inputs and into vocabulary logits."""

    def __init__(self, dimension: int, backbone: Backbone, vocabulary: int) -> None:
        super().__init__()
        d_model = backbone.d_model
        self.adapter = nn.Sequential(
            nn.Linear(dimension, 2 * d_model),
            nn.GELU(),
            nn.Linear(2 * d_model, backbone.embedding_tokens * d_model),
        )
        self.lexical = nn.Linear(dimension, vocabulary)
        nn.init.zeros_(self.lexical.weight)
        nn.init.zeros_(self.lexical.bias)

    def forward(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """(n, dim) → encoder inputs (n, embedding_tokens, d_model), logits (n, vocabulary)."""
        d_model = self.adapter[0].out_features // 2
        return self.adapter(vectors).view(len(vectors), -1, d_model), self.lexical(vectors)


class Inverter(nn.Module):
    """A hypothesizer, a corrector or a null model: they differ in the vectors they read.

    dimension: of the vectors; vectors: 1 for a hypothesizer or null model, 3 for a corrector.
    Vectors are centred on `mean`, (dim,), and divided by `spread`, the standard deviation of the
    training embeddings' components, so that every embedder looks alike to the network.
    """

    def __init__(self, backbone: Backbone, vocabulary: int, dimension: int, vectors: int) -> None:
        super().__init__()
        self.t5 = T5ForConditionalGeneration(_t5_config(backbone, vocabulary))
        self.readers = nn.ModuleList(
            Reader(dimension, backbone, vocabulary) for _ in range(vectors)
        )
        self.register_buffer("mean", torch.zeros(dimension))
        self.register_buffer("spread", torch.ones(()))

    def fit_scale(self, embeddings: Tensor) -> None:
        """Set `mean` and `spread` from training embeddings, (n, dim)."""
        self.mean.copy_(embeddings.mean(0))
        self.spread.copy_(embeddings.std(0).mean().clamp_min(1e-6))

    def check_fits(self, path: Path, vocabulary: int, dimension: int, vectors: int) -> None:
        """Raise TextbackError where the model, read from `path`, was made for other data."""
        shape = (self.t5.config.vocab_size, len(self.mean), len(self.readers))
        if shape != (vocabulary, dimension, vectors):
            raise TextbackError(
                f"model {path}: was made for {shape[0]} tokens, {shape[1]} dimensions and "
                f"{shape[2]} vector(s), not for {vocabulary}, {dimension} and {vectors}: "
                "delete it and run the same command again"
            )

    def encode(
        self, target: Tensor, guess: Tensor | None = None, guess_ids: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Read e, and for a corrector also ê, e − ê and x̂.

        target: e, (n, dim); guess: ê, (n, dim); guess_ids: x̂, (n, length)
        Returns the encoder's output (n, inputs, d_model) and the lexical logits (n, vocabulary).
        """
        vectors = [(target - self.mean) / self.spread]
        if guess is not None:
            vectors += [(guess - self.mean) / self.spread, (target - guess) / self.spread]
        read = [reader(vector) for reader, vector in zip(self.readers, vectors, strict=True)]
        inputs = [tokens for tokens, _ in read]
        if guess_ids is not None:
            inputs.append(self.t5.shared(guess_ids))
        encoded = self.t5.encoder(inputs_embeds=torch.cat(inputs, 1)).last_hidden_state
        return encoded, torch.stack([logits for _, logits in read]).sum(0)

    def decode(
        self,
        encoded: Tensor,
        lexical: Tensor,
        ids: Tensor,
        cache: EncoderDecoderCache | None = None,
    ) -> Tensor:
        """Logits of the next token after each of `ids`, (n, t) → (n, t, vocabulary).

        With a cache, `ids` are only the tokens that are not yet in it.
        """
        output = self.t5(
            encoder_outputs=BaseModelOutput(last_hidden_state=encoded),
            decoder_input_ids=ids,
            past_key_values=cache,
            use_cache=cache is not None,
        )
        return output.logits + lexical[:, None]

    def nll(self, ids: Tensor, *inputs: Tensor) -> Tensor:
        """Negative log-likelihood of passages, (n, length) → (n, length), in nats.

        inputs: as for `encode`.
        """
        encoded, lexical = self.encode(*inputs)
        logits = self.decode(encoded, lexical, F.pad(ids[:, :-1], (1, 0), value=PAD))
        return F.cross_entropy(logits.float().flatten(0, 1), ids.flatten(), reduction="none").view(
            ids.shape
        )

    def start_from(self, hypothesizer: "Inverter") -> None:
        """Take over everything a hypothesizer has learned; readers it lacks stay as they are."""
        self.load_state_dict(hypothesizer.state_dict(), strict=False)


def new_cache() -> EncoderDecoderCache:
    """An empty key-value cache for `Inverter.decode`."""
    return EncoderDecoderCache(DynamicCache(), DynamicCache())


def parameter_groups(model: Inverter, learning_rate: float, weight_decay: float) -> list[dict]:
    """Optimiser groups: token embeddings take larger steps and no decay.

    T5's embeddings have unit variance and its tied head divides by sqrt(d_model), so Adam's steps
    of a size that suits the other weights would take thousands of steps to move a logit by one.
    """
    embeddings = list(model.t5.shared.parameters())
    known = {id(p) for p in embeddings}
    rest = [p for p in model.parameters() if id(p) not in known]
    scale = EMBEDDING_RATE * math.sqrt(model.t5.config.d_model)
    return [
        {"params": embeddings, "lr": learning_rate * scale, "weight_decay": 0.0},
        {"params": rest, "lr": learning_rate, "weight_decay": weight_decay},
    ]


def _t5_config(backbone: Backbone, vocabulary: int) -> T5Config:
    return T5Config(
        vocab_size=vocabulary,
        d_model=backbone.d_model,
        d_kv=backbone.d_model // backbone.heads,
        d_ff=backbone.d_ff,
        num_layers=backbone.encoder_layers,
        num_decoder_layers=backbone.decoder_layers,
        num_heads=backbone.heads,
        dropout_rate=backbone.dropout,
        pad_token_id=PAD,
        decoder_start_token_id=PAD,
        eos_token_id=None,
        tie_word_embeddings=True,
    )
