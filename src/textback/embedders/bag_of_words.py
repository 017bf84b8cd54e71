"""A control: each word adds a random vector of its own, so that order is lost beyond doubt.

What an inverter gets right about order from it, it knows of the language alone.
"""

import hashlib
import re
from collections.abc import Sequence

import numpy as np

from textback.config.embedders import BagOfWords
from textback.vectors import normalise

WORDS = re.compile(r"\w+|[^\w\s]")


def load(name: str, entry: BagOfWords, device: str) -> "BagOfWordsEmbedder":
    """See `textback.embedders.load_embedder`."""
    return BagOfWordsEmbedder(entry)


class BagOfWordsEmbedder:
    """See `textback.embedders.Embedder`. A word and a punctuation mark are a token each."""

    def __init__(self, entry: BagOfWords) -> None:
        self.dimension, self.max_tokens = entry.dimension, entry.max_tokens
        self._cased, self._seed = entry.cased, entry.seed
        self._vectors: dict[str, np.ndarray] = {}

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """See `textback.embedders.Embedder.embed`. Unit norm; a text without words is zero."""
        rows = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in sorted(self._words(text)):  # in one order: sums of floats depend on it
                row += self._vector(word)
        return normalise(rows)

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        """See `textback.embedders.Embedder.count_tokens`."""
        return np.array([len(self._words(text)) for text in texts])

    def _words(self, text: str) -> list[str]:
        return WORDS.findall(text if self._cased else text.lower())

    def _vector(self, word: str) -> np.ndarray:
        """A word's vector, (dimension,) float32, drawn with the word itself as the seed."""
        if word not in self._vectors:
            digest = hashlib.sha256(f"{self._seed} {word}".encode()).digest()
            rng = np.random.default_rng(int.from_bytes(digest[:8], "little"))
            self._vectors[word] = rng.standard_normal(self.dimension, np.float32)
        return self._vectors[word]
