"""Embedders of the sentence-transformers library: pooling, normalisation, prompts are the model's.

A model is a folder, a folder inside an installed package, or a hub id.
"""

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Transformer
from torch import Tensor
from transformers import PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from textback import attention
from textback.config.embedders import SentenceTransformers
from textback.embedders.networks import NetworkEmbedder, check_positions, special_tokens
from textback.embedders.weights import loading, locate
from textback.errors import TextbackError, unknown_name
from textback.hub import only_local


def load(name: str, entry: SentenceTransformers, device: str) -> NetworkEmbedder:
    """See `textback.embedders.load_embedder`."""
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    where = locate(name, entry)
    with loading(name, where):
        model = SentenceTransformer(
            where,
            device=device,
            revision=entry.revision,
            trust_remote_code=entry.trust_remote_code,
            local_files_only=only_local(where, entry.offline),
            model_kwargs={"dtype": torch.float32},
        )
    if not isinstance(model.tokenizer, PreTrainedTokenizerBase):
        raise TextbackError(
            f"embedder '{name}': {where} is no transformer (static vectors, perhaps): use the kind "
            "model2vec, or a class of your own (kind python)"
        )
    if isinstance(model[0], Transformer):
        check_positions(name, entry, model[0].auto_model.config)
        attention.use(model[0].auto_model)
    prompt = _prompt(name, model, entry)
    return NetworkEmbedder(Modules(model.eval(), prompt), model.tokenizer, entry, device, prompt)


def _prompt(name: str, model: SentenceTransformer, entry: SentenceTransformers) -> str:
    """The text that precedes every text: the prompt the entry names, or the model's default."""
    wanted = entry.prompt_name or model.default_prompt_name
    if wanted is None:
        return ""
    if wanted not in model.prompts:
        raise unknown_name(f"prompt of embedder '{name}'", wanted, model.prompts)
    return model.prompts[wanted]


class Modules:
    """The model's modules, from token ids (m, length) to embeddings (m, dimension)."""

    def __init__(self, model: SentenceTransformer, prompt: str) -> None:
        self.model = model
        # Some models leave the prompt's tokens out of the mean.
        self._prompt_tokens = 0
        if prompt:
            tokens = model.tokenizer(prompt)["input_ids"]
            self._prompt_tokens = len(tokens) - len(special_tokens(model.tokenizer)[1])

    def __call__(self, ids: Tensor) -> Tensor:
        """Token ids of one length, specials included → embeddings."""
        features = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        if self._prompt_tokens:
            features["prompt_length"] = self._prompt_tokens
        return self.model(features)["sentence_embedding"]
