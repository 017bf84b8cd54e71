"""Raw encoders of the transformers library, pooled here.

The paper's `gtr-base` is one: the mean of a T5 encoder's last states, without SentenceTransformers'
dense layer and normalisation (vec2text's `models/model_utils.py`).
"""

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForTextEncoding,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.utils import logging as transformers_logging

from textback import attention
from textback.config.embedders import Transformers
from textback.embedders.networks import NetworkEmbedder, check_positions
from textback.embedders.weights import loading, locate
from textback.hub import only_local


def load(name: str, entry: Transformers, device: str) -> NetworkEmbedder:
    """See `textback.embedders.load_embedder`."""
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    where = locate(name, entry)
    options = {
        "revision": entry.revision,
        "trust_remote_code": entry.trust_remote_code,
        "local_files_only": only_local(where, entry.offline),
    }
    with loading(name, where):
        tokenizer = AutoTokenizer.from_pretrained(where, **options)
        config = AutoConfig.from_pretrained(where, **options)
        check_positions(name, entry, config)
        encoder = encoder_class(config).from_pretrained(
            where, config=config, dtype=torch.float32, **options
        )
    attention.use(encoder)
    network = Pooled(encoder.to(device).eval(), entry.pooling, entry.normalize)
    return NetworkEmbedder(network, tokenizer, entry, device, entry.prompt)


def encoder_class(config: PreTrainedConfig) -> type[AutoModel] | type[AutoModelForTextEncoding]:
    """What loads the encoder: the whole model, or of an encoder-decoder that half."""
    return AutoModelForTextEncoding if config.is_encoder_decoder else AutoModel


class Pooled:
    """An encoder's last states as one vector: their `mean`, the first (`cls`) or the `last`."""

    def __init__(self, encoder: PreTrainedModel, pooling: str, normalize: bool) -> None:
        self._encoder, self._pooling, self._normalize = encoder, pooling, normalize

    def __call__(self, ids: Tensor) -> Tensor:
        """Token ids of one length, specials included, (m, length) → (m, width)."""
        mask = torch.ones_like(ids)
        states = self._encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        vectors = {
            "mean": lambda: states.mean(1),
            "cls": lambda: states[:, 0],
            "last": lambda: states[:, -1],
        }[self._pooling]()
        return F.normalize(vectors, dim=1) if self._normalize else vectors
