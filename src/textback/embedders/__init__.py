"""Embedders: what the suite needs of a text embedding model, and how to load one by its entry.

A kind is a module here with a function `load(name, entry, device)`, a line in `MODULES`, and an
entry class in `textback/config/embedders.py`.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Protocol, runtime_checkable

import numpy as np

from textback.config import Embedder as Entry
from textback.tokenizer import Tokenizer

MODULES = {
    "bag-of-words": "bag_of_words",
    "model2vec": "model2vec",
    "openai": "openai",
    "python": "python_class",
    "random-transformer": "random_transformer",
    "sentence-transformers": "sentence_transformers",
    "transformers": "transformers",
    "universal-sentence-encoder": "universal_sentence_encoder",
}


class Embedder(Protocol):
    """A text embedding model. max_tokens: the longest input in its own tokens; None: any."""

    dimension: int
    max_tokens: int | None

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """The texts' embeddings, (n, dimension) float32, in the order of the texts."""

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        """The number of the embedder's own tokens in each text, specials included, (n,) int."""


@runtime_checkable
class ReadsIds(Protocol):
    """An embedder that also takes token ids of its own tokenizer, specials left out."""

    def has_tokenizer(self, tokenizer: Tokenizer) -> bool:
        """Whether that tokenizer gives every text the ids of the embedder's own."""

    def embed_ids(self, ids: Sequence[Sequence[int]]) -> np.ndarray:
        """The embeddings of the texts with these ids, (n, dimension) float32."""


@runtime_checkable
class ReadsBeginnings(Protocol):
    """An embedder that can leave the rest of a too long text unread, to the token."""

    def embed_beginnings(self, texts: Sequence[str]) -> np.ndarray:
        """The embeddings of texts, each of its first max_tokens tokens, specials included."""


@runtime_checkable
class Screens(Protocol):
    """An embedder that can compute in lower precision: faster, and near enough to choose by."""

    def screening(self) -> AbstractContextManager | None:
        """In which it does; None where the hardware would be no faster."""


def load_embedder(name: str, entry: Entry, device: str = "cpu") -> Embedder:
    """Load the embedder of a catalogue entry. A study's first use also asks `gate.gate`.

    Raises TextbackError where it cannot be loaded.
    """
    module = import_module(f"textback.embedders.{MODULES[entry.kind]}")
    return module.load(name, entry, device)
