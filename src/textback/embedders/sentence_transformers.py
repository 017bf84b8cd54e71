"""Embedders of the sentence-transformers library: a folder, a packaged folder, or a hub id.

Texts are grouped by their exact number of tokens, so that no batch holds padding: about twice as
fast as the library's `encode` on short texts, and a text's vector does not depend on its batch.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from transformers.utils import logging as transformers_logging

from textback.config import Embedder as EmbedderEntry
from textback.errors import TextbackError
from textback.packages import package_folder
from textback.tokenizer import Tokenizer

# On 2 cores larger batches leave the cache, smaller ones idle; a GPU's is not measured.
TOKENS_PER_BATCH = {"cpu": 1024, "cuda": 65_536}


class SentenceTransformersEmbedder:
    """See `textback.embedders.Embedder`."""

    def __init__(self, name: str, entry: EmbedderEntry, device: str) -> None:
        transformers_logging.set_verbosity_error()
        transformers_logging.disable_progress_bar()
        folder = _locate(name, entry)
        try:
            self._model = SentenceTransformer(
                str(folder or entry.model), device=device, local_files_only=entry.offline
            )
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise TextbackError(
                f"embedder '{name}': {folder or entry.model} cannot be loaded "
                f"({_first_line(error)}): correct 'model', or download it first"
            ) from None
        self._model.eval()
        self._device = device
        self.dimension = entry.dimension
        self.max_tokens = entry.max_tokens

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """See `textback.embedders.Embedder.embed`."""
        return self._embed(self._tokenize(texts))

    def has_tokenizer(self, tokenizer: Tokenizer) -> bool:
        """See `textback.embedders.ReadsIds.has_tokenizer`."""
        own = getattr(self._model.tokenizer, "backend_tokenizer", None)
        return own is not None and tokenizer.same_as(own)

    def embed_ids(self, ids: Sequence[Sequence[int]]) -> np.ndarray:
        """See `textback.embedders.ReadsIds.embed_ids`."""
        before, after = self._specials()
        return self._embed([[*before, *row, *after] for row in ids])

    def _specials(self) -> tuple[list[int], list[int]]:
        """The special tokens that the tokenizer puts before and after a text."""
        bare = self._model.tokenizer("a", add_special_tokens=False)["input_ids"]
        whole = self._model.tokenizer("a")["input_ids"]
        start = whole.index(bare[0])
        return whole[:start], whole[start + len(bare) :]

    def _embed(self, ids: list[list[int]]) -> np.ndarray:
        """Token ids, specials included → embeddings, in batches of one length each."""
        rows: np.ndarray | None = None
        with torch.inference_mode():
            tokens = TOKENS_PER_BATCH[self._device]
            for batch in _equal_length_batches([len(i) for i in ids], tokens):
                inputs = torch.tensor([ids[i] for i in batch], device=self._device)
                features = {"input_ids": inputs, "attention_mask": torch.ones_like(inputs)}
                vectors = self._model(features)["sentence_embedding"].float().cpu().numpy()
                if rows is None:
                    rows = np.empty((len(ids), vectors.shape[1]), np.float32)
                rows[batch] = vectors
        return np.empty((0, self.dimension), np.float32) if rows is None else rows

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        """See `textback.embedders.Embedder.count_tokens`."""
        return np.array([len(ids) for ids in self._tokenize(texts)])

    def _tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        if not len(texts):
            return []
        return self._model.tokenizer(list(texts), truncation=False)["input_ids"]


def _locate(name: str, entry: EmbedderEntry) -> Path | None:
    """The model's folder, its weights checked; None for a hub id."""
    folder = Path(entry.model)
    if entry.package is not None:
        folder = package_folder(name, entry.package) / entry.model
    if not folder.is_dir():
        if entry.package is None and not entry.offline and entry.sha256 is None:
            return None
        raise TextbackError(f"embedder '{name}': folder {folder} does not exist: correct 'model'")
    if entry.sha256 is not None:
        _check_weights(name, folder / "model.safetensors", entry.sha256)
    return folder


def _check_weights(name: str, path: Path, expected: str) -> None:
    if not path.is_file():
        raise TextbackError(f"embedder '{name}': {path} does not exist: correct 'model'")
    with open(path, "rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    if actual != expected:
        raise TextbackError(
            f"embedder '{name}': {path} has sha256 {actual[:12]}… instead of {expected[:12]}…: "
            "install the weights again, or correct 'sha256' in its entry"
        )


def _equal_length_batches(lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Indices of texts in batches of one length each, about so many tokens a batch."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    batch: list[int] = []
    for index in order:
        full = batch and (len(batch) + 1) * lengths[index] > tokens
        if batch and (full or lengths[index] != lengths[batch[0]]):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:200]
