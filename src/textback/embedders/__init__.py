"""Embedders: what the suite needs of a text embedding model, and how to load one by its entry."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from textback.config import Embedder as EmbedderEntry
from textback.errors import TextbackError
from textback.tokenizer import Tokenizer


class Embedder(Protocol):
    """A text embedding model."""

    dimension: int
    max_tokens: int

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


def load_embedder(name: str, entry: EmbedderEntry, device: str = "cpu") -> Embedder:
    """Load the embedder of a catalogue entry and check that it behaves.

    Raises TextbackError where it cannot be loaded or fails the gate (see `gate`).
    """
    from textback.embedders.sentence_transformers import SentenceTransformersEmbedder

    embedder = SentenceTransformersEmbedder(name, entry, device)
    gate(name, embedder, entry.dimension)
    return embedder


GATE_TEXTS = ("the president of the senate", "wheat", "a cold morning in the north of the country")
GATE_TOLERANCE = 1e-4  # of a component, relative to the vector's length


def gate(name: str, embedder: Embedder, dimension: int) -> None:
    """Raise TextbackError unless the embedder's vectors can be trusted.

    Checks shape, finiteness, that distinct texts get distinct vectors, that the same text gets the
    same vector again, and that a text's vector does not depend on its batch.
    """
    together = embedder.embed(GATE_TEXTS)
    check_embeddings(name, together, len(GATE_TEXTS), dimension)
    scale = float(np.linalg.norm(together, axis=1).max())
    if np.ptp(together, axis=0).max() <= GATE_TOLERANCE * scale:
        raise TextbackError(
            f"embedder '{name}' returns the same vector for different texts: check its weights"
        )
    alone = np.concatenate([embedder.embed([text]) for text in GATE_TEXTS])
    if not np.allclose(together, alone, rtol=0, atol=GATE_TOLERANCE * scale):
        raise TextbackError(
            f"embedder '{name}': a text's vector depends on its batch or on chance: switch its "
            "dropout off and check its padding"
        )


def check_embeddings(name: str, embeddings: np.ndarray, texts: int, dimension: int) -> None:
    """Raise TextbackError unless embeddings are finite and (texts, dimension)."""
    if embeddings.shape != (texts, dimension):
        raise TextbackError(
            f"embedder '{name}' returned shape {embeddings.shape} for {texts} texts instead of "
            f"({texts}, {dimension}): correct 'dimension' in its entry"
        )
    if not np.isfinite(embeddings).all():
        raise TextbackError(
            f"embedder '{name}' returned NaN or infinite components: check its weights and inputs"
        )


def check_lengths(name: str, embedder: Embedder, texts: Sequence[str]) -> None:
    """Raise TextbackError where the embedder would truncate a text."""
    counts = embedder.count_tokens(texts)
    longest = int(counts.argmax())
    if counts[longest] > embedder.max_tokens:
        raise TextbackError(
            f"embedder '{name}' reads {embedder.max_tokens} tokens, but the passage "
            f"'{texts[longest][:60]}' has {counts[longest]}: use a shorter one"
        )
