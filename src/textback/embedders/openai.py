"""Any endpoint that speaks OpenAI's embeddings API; see docs/paid-endpoints.md.

Every answer is on disk before anything else is done with it, so no text is paid for twice.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from textback.config.embedders import OpenAI
from textback.counted import counted
from textback.embedders.endpoint import Endpoint
from textback.embedders.paid import Spent
from textback.embedders.vector_cache import VectorCache, cache_path
from textback.errors import TextbackError

# OpenAI refuses a request of more tokens in all. A text has no more tokens than bytes.
REQUEST_BYTES = 300_000
NOT_FINITE_ASKS = 3  # of texts whose vectors are not finite, before they are given up


def load(name: str, entry: OpenAI, device: str) -> "OpenAIEmbedder":
    """See `textback.embedders.load_embedder`. Asks the endpoint nothing."""
    endpoint = Endpoint(name, entry)
    return OpenAIEmbedder(name, entry, endpoint, VectorCache(cache_path(entry), entry.dimension))


class OpenAIEmbedder:
    """See `textback.embedders.Embedder` and `paid.Paid`."""

    def __init__(self, name: str, entry: OpenAI, endpoint: Endpoint, cache: VectorCache) -> None:
        self.dimension, self.max_tokens = entry.dimension, entry.max_tokens
        self._name, self._batch, self._price = name, entry.batch, entry.price
        self._endpoint, self._cache = endpoint, cache
        self._queries = self._tokens = 0

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """See `textback.embedders.Embedder.embed`.

        Raises TextbackError where a text is empty, which the API refuses, or where the endpoint
        does not answer well, though asked again and again; what it answered before is kept.
        """
        distinct = list(dict.fromkeys(texts))
        if "" in distinct:
            raise TextbackError(
                f"embedder '{self._name}': a text is empty, and the endpoint embeds no empty text: "
                "leave it out, or use an inverter whose tokenizer writes none"
            )
        vectors = self._cache.read(distinct)
        unknown = [text for text in distinct if text not in vectors]
        for batch in _batches(unknown, self._batch):
            vectors |= self._fetch(batch)
        rows = [vectors[text] for text in texts]
        return np.stack(rows) if rows else np.empty((0, self.dimension), np.float32)

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        """At most so many tokens: UTF-8 bytes, of which a byte-level BPE's token has one or more.

        The endpoint's own tokenizer is not at hand; this may be several times too many.
        """
        return np.array([len(text.encode()) for text in texts])

    @property
    def spent(self) -> Spent:
        """See `textback.embedders.paid.Paid`."""
        return Spent(self._queries, self._tokens, self._tokens * self._price / 1e6)

    def _fetch(self, texts: list[str]) -> dict[str, np.ndarray]:
        """The vectors of texts, asked of the endpoint; it is asked again for those not finite."""
        vectors: dict[str, np.ndarray] = {}
        for _ in range(NOT_FINITE_ASKS):
            pending = [text for text in texts if text not in vectors]
            rows = self._ask(pending)
            finite = np.flatnonzero(np.isfinite(rows).all(1))
            kept = [pending[i] for i in finite]
            self._cache.write(kept, rows[finite])
            vectors |= dict(zip(kept, rows[finite], strict=True))
            if len(kept) == len(pending):
                return vectors
        bad = next(text for text in texts if text not in vectors)
        raise TextbackError(
            f"embedder '{self._name}': {self._endpoint.url} gives '{bad[:60]}' NaN or infinite "
            f"components, {NOT_FINITE_ASKS} times: check the model behind it; other texts are kept"
        )

    def _ask(self, texts: list[str]) -> np.ndarray:
        """One answered request, counted: vectors, (n, dimension) float32."""
        answer = self._endpoint.ask(texts)
        self._queries += len(texts)
        at_most = int(self.count_tokens(texts).sum())  # where the endpoint does not say
        self._tokens += at_most if answer.tokens is None else answer.tokens
        found = answer.vectors.shape[1]
        if found != self.dimension:
            raise TextbackError(
                f"embedder '{self._name}': {self._endpoint.url} answers with "
                f"{counted(found, 'dimension')} instead of {self.dimension}: correct 'dimension' "
                "in its entry, or the model behind it; earlier answers are kept"
            )
        return answer.vectors


def _batches(texts: Sequence[str], size: int) -> Iterator[list[str]]:
    """Texts in requests of at most `size` and REQUEST_BYTES."""
    batch: list[str] = []
    held = 0
    for text in texts:
        cost = len(text.encode())
        if batch and (len(batch) == size or held + cost > REQUEST_BYTES):
            yield batch
            batch, held = [], 0
        batch.append(text)
        held += cost
    if batch:
        yield batch
