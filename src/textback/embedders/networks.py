"""What embedders that are torch networks share: tokens in, vectors out, without padding.

Texts go through the network in batches of one length each: about twice as fast as padded batches on
short texts, and a text's vector does not depend on its batch.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedTokenizerBase

from textback.config import EmbedderEntry
from textback.device import screening_precision
from textback.errors import TextbackError
from textback.tokenizer import Tokenizer

# On 2 cores larger batches leave the cache, smaller ones idle; a GPU's is not measured.
TOKENS_PER_BATCH = {"cpu": 1024, "cuda": 65_536}
# Models that count positions from behind the padding token's number.
OFFSET_POSITIONS = ("roberta", "xlm-roberta", "camembert", "mpnet")


class NetworkEmbedder:
    """See `textback.embedders.Embedder`, `ReadsIds`, `ReadsBeginnings` and `Screens`.

    network: token ids of one length, specials included, (m, length) int64 → (m, dimension)
    prompt: precedes every text
    """

    def __init__(
        self,
        network: Callable[[Tensor], Tensor],
        tokenizer: PreTrainedTokenizerBase,
        states: EmbedderEntry,
        device: str,
        prompt: str = "",
    ) -> None:
        self.dimension = states.dimension
        self.max_tokens = states.max_tokens
        self.network = network
        self._tokenizer, self._device, self._prompt = tokenizer, device, prompt

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """See `textback.embedders.Embedder.embed`."""
        return self._embed(self._tokenize(texts))

    def embed_beginnings(self, texts: Sequence[str]) -> np.ndarray:
        """See `textback.embedders.ReadsBeginnings.embed_beginnings`; the prompt counts too."""
        return self._embed(self._tokenize(texts, self.max_tokens))

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        """See `textback.embedders.Embedder.count_tokens`."""
        return np.array([len(ids) for ids in self._tokenize(texts)])

    def has_tokenizer(self, tokenizer: Tokenizer) -> bool:
        """See `textback.embedders.ReadsIds.has_tokenizer`; ids do not tell where a prompt ends."""
        own = getattr(self._tokenizer, "backend_tokenizer", None)
        return own is not None and not self._prompt and tokenizer.same_as(own)

    def embed_ids(self, ids: Sequence[Sequence[int]]) -> np.ndarray:
        """See `textback.embedders.ReadsIds.embed_ids`."""
        before, after = special_tokens(self._tokenizer)
        return self._embed([[*before, *row, *after] for row in ids])

    def screening(self) -> torch.autocast | None:
        """See `textback.embedders.Screens.screening`."""
        return screening_precision(self._device)

    def _tokenize(self, texts: Sequence[str], most: int | None = None) -> list[list[int]]:
        """Token ids of texts, prompt and specials included; cut only where `most` says so."""
        if not len(texts):
            return []
        whole = [self._prompt + text for text in texts]
        fast = getattr(self._tokenizer, "backend_tokenizer", None)
        if fast is None:
            return self._tokenizer(whole, truncation=most is not None, max_length=most)["input_ids"]
        # What the call above does, without masks, types and offsets that nobody reads.
        fast.no_padding()
        if most is None:
            fast.no_truncation()
        else:
            fast.enable_truncation(most, direction=self._tokenizer.truncation_side)
        return [encoding.ids for encoding in fast.encode_batch_fast(whole)]

    def _embed(self, ids: list[list[int]]) -> np.ndarray:
        rows: np.ndarray | None = None
        lengths = [len(i) for i in ids]
        # Lists of lists would be made into tensors number by number.
        tokens = np.fromiter(itertools.chain.from_iterable(ids), np.int64, sum(lengths))
        starts = np.cumsum([0, *lengths])
        with torch.inference_mode():
            for batch in equal_lengths(lengths, TOKENS_PER_BATCH[self._device]):
                where = starts[batch][:, None] + np.arange(lengths[batch[0]])
                inputs = torch.from_numpy(tokens[where]).to(self._device)
                vectors = self.network(inputs).float().cpu().numpy()
                if rows is None:
                    rows = np.zeros((len(ids), vectors.shape[1]), np.float32)
                rows[batch] = vectors
        return np.zeros((len(ids), self.dimension), np.float32) if rows is None else rows


def check_positions(name: str, entry: EmbedderEntry, config: PreTrainedConfig) -> None:
    """Raise TextbackError where the entry states a longer input than the network has positions."""
    most = getattr(config, "max_position_embeddings", None)
    if most is None:
        return
    if config.model_type in OFFSET_POSITIONS:
        most -= config.pad_token_id + 1
    if entry.max_tokens is None or entry.max_tokens > most:
        raise TextbackError(
            f"embedder '{name}' has {most} positions: set max_tokens: {most} in its entry, or less"
        )


def special_tokens(tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    """The special tokens that a tokenizer puts before and after a text."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    whole = tokenizer("a")["input_ids"]
    start = whole.index(bare[0])
    return whole[:start], whole[start + len(bare) :]


def equal_lengths(lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Indices of texts in batches of one length each, about so many tokens a batch.

    A text without tokens is in none: there is nothing to read.
    """
    order = sorted(filter(lengths.__getitem__, range(len(lengths))), key=lengths.__getitem__)
    batch: list[int] = []
    for index in order:
        full = batch and (len(batch) + 1) * lengths[index] > tokens
        if batch and (full or lengths[index] != lengths[batch[0]]):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
