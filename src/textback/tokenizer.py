"""The inverter's tokenizer: a byte-level BPE of our own, or a pretrained one.

In ours every word begins with its space. Texts are written without a leading space and encoded as
if they had one, so that a word has the same tokens wherever it stands, and `decode(encode(text))
== text` for every text with single spaces inside and none around. Of a pretrained one that is not
true for every text: passages are only those for which it is.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer as BpeTokenizer
from tokenizers import decoders, models, pre_tokenizers, trainers

from textback.errors import TextbackError
from textback.hub import TOKENIZER_FILES, loading, only_local

PAD = 0  # starts the decoder of our own tokenizer and of T5's; never part of their passages
SPECIALS = ["<pad>"]


class Tokenizer:
    """Text ↔ token ids."""

    def __init__(self, bpe: BpeTokenizer) -> None:
        bpe.no_padding()
        bpe.no_truncation()
        self._bpe = bpe
        self.size = bpe.get_vocab_size()
        added = bpe.get_added_tokens_decoder()
        self.specials = sorted(i for i, token in added.items() if token.special)

    @classmethod
    def train(cls, texts: Iterable[str], vocabulary: int) -> "Tokenizer":
        """Learn `vocabulary` tokens (specials and all 256 bytes included) from texts."""
        bpe = BpeTokenizer(models.BPE())
        bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        bpe.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=SPECIALS,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        bpe.train_from_iterator(texts, trainer)
        return cls(bpe)

    @classmethod
    def pretrained(cls, name: str, revision: str | None = None) -> "Tokenizer":
        """Of a hub model, or a folder with `tokenizer.json` or a T5's `spiece.model`.

        Raises TextbackError where it cannot be had.
        """
        from transformers import AutoTokenizer, T5Tokenizer  # seconds to import

        if Path(name).is_dir() and not any(Path(name, file).exists() for file in TOKENIZER_FILES):
            files = ", ".join(TOKENIZER_FILES)
            raise TextbackError(
                f"tokenizer {name}: the folder has none of {files}: correct 'model'"
            )
        bare = Path(name, "spiece.model").exists() and not Path(name, "tokenizer.json").exists()
        kind = T5Tokenizer if bare else AutoTokenizer  # which asks a bare folder for its config
        way_out = "give a folder with tokenizer.json, or download it first (`hf download`)"
        with loading("tokenizer", name, way_out):
            local = only_local(name)
            own = kind.from_pretrained(name, revision=revision, local_files_only=local)
            return cls(own.backend_tokenizer)

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        """Read `tokenizer.json`. Raises TextbackError where it is missing or broken."""
        try:
            return cls(BpeTokenizer.from_file(str(path)))
        except Exception as error:  # the library raises bare Exception
            raise TextbackError(f"tokenizer {path}: cannot be read ({error}): remake it") from None

    def save(self, path: Path) -> None:
        """Write `tokenizer.json`."""
        path.write_text(self._bpe.to_str(pretty=True), encoding="utf-8")

    def encode(self, text: str) -> list[int]:
        """The token ids of a text."""
        return self._bpe.encode(text, add_special_tokens=False).ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of many texts, on all cores."""
        encoded = self._bpe.encode_batch_fast(list(texts), add_special_tokens=False)
        return [encoding.ids for encoding in encoded]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids, without its leading space; pads are left out."""
        return self._bpe.decode(list(ids)).removeprefix(" ")

    def decode_batch(self, ids: Iterable[Sequence[int]]) -> list[str]:
        """The texts of many sequences of token ids."""
        return [text.removeprefix(" ") for text in self._bpe.decode_batch([list(i) for i in ids])]

    def same_as(self, other: BpeTokenizer) -> bool:
        """Whether another tokenizer gives every text the same ids, specials left aside."""
        return _core(self._bpe) == _core(other)


def _core(bpe: BpeTokenizer) -> dict[str, Any]:
    parts = json.loads(bpe.to_str())
    return {name: parts[name] for name in ("normalizer", "pre_tokenizer", "model", "added_tokens")}
