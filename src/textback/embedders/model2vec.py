"""Static embeddings of the model2vec library: a mean of token vectors, without a network.

Needs the extra `textback[model2vec]`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from huggingface_hub import snapshot_download

from textback.config.embedders import Model2Vec
from textback.embedders.weights import loading, locate
from textback.hub import only_local
from textback.packages import optional_module

if TYPE_CHECKING:
    from model2vec import StaticModel


def load(name: str, entry: Model2Vec, device: str) -> "Model2VecEmbedder":
    """See `textback.embedders.load_embedder`."""
    library = optional_module(f"embedder '{name}'", "model2vec", extra="model2vec")
    where = locate(name, entry)
    with loading(name, where):
        folder = where
        if not Path(where).is_dir():  # the library knows no revision
            folder = snapshot_download(
                where, revision=entry.revision, local_files_only=only_local(where, entry.offline)
            )
        model = library.StaticModel.from_pretrained(folder, max_length=None)
    return Model2VecEmbedder(model, entry)


class Model2VecEmbedder:
    """See `textback.embedders.Embedder`."""

    def __init__(self, model: "StaticModel", entry: Model2Vec) -> None:
        self.dimension, self.max_tokens = entry.dimension, entry.max_tokens
        self._model = model

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """See `textback.embedders.Embedder.embed`."""
        if not len(texts):
            return np.empty((0, self.dimension), np.float32)
        # Its own limit would cut by characters: too long a text is refused before (check_lengths).
        rows = self._model.encode(list(texts), max_length=None, use_multiprocessing=False)
        return rows.astype(np.float32)

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        """See `textback.embedders.Embedder.count_tokens`."""
        encoded = self._model.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return np.array([len(encoding.ids) for encoding in encoded])
