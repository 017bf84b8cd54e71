"""Reading only the beginning of a text that is too long for an embedder, as retrieval does.

Passages are never cut: what is measured of them is the whole text.
"""

import bisect
from collections.abc import Sequence

import numpy as np

from textback.embedders import Embedder, ReadsBeginnings


class Cutting:
    """See `textback.embedders.Embedder`: that embedder, but it reads what it can of a text."""

    def __init__(self, embedder: Embedder) -> None:
        self.dimension, self.max_tokens = embedder.dimension, embedder.max_tokens
        self._embedder = embedder

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """See `textback.embedders.Embedder.embed`; of each text the first max_tokens tokens."""
        if self.max_tokens is None:
            return self._embedder.embed(texts)
        if isinstance(self._embedder, ReadsBeginnings):
            return self._embedder.embed_beginnings(texts)
        return self._embedder.embed([self._beginning(text) for text in texts])

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        """See `textback.embedders.Embedder.count_tokens`: of the whole texts."""
        return self._embedder.count_tokens(texts)

    def count_cut(self, texts: Sequence[str]) -> int:
        """How many texts are longer than the embedder reads."""
        if self.max_tokens is None:
            return 0
        return int((self.count_tokens(texts) > self.max_tokens).sum())

    def _beginning(self, text: str) -> str:
        """The text's first words that the embedder can read, or of a single word its letters."""
        if self._tokens(text) <= self.max_tokens:
            return text
        ends = range(len(text) + 1)
        end = bisect.bisect_right(ends, self.max_tokens, key=lambda e: self._tokens(text[:e])) - 1
        end = max(end, 0)
        between_words = text[end].isspace() or text[:end].endswith(" ")
        words = text[:end].rsplit(maxsplit=1)
        return text[:end] if between_words or len(words) < 2 else words[0]

    def _tokens(self, text: str) -> int:
        return int(self.count_tokens([text])[0])
