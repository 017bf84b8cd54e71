"""The inverter's tokenizer: a byte-level BPE in which every word begins with its space.

Texts are written without a leading space and encoded as if they had one, so that a word has the
same tokens wherever it stands, and `decode(encode(text)) == text` for every text with single
spaces inside and none around.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from tokenizers import Tokenizer as BpeTokenizer
from tokenizers import decoders, models, pre_tokenizers, trainers

from textback.errors import TextbackError

PAD = 0  # starts the decoder; never part of a passage
SPECIALS = ["<pad>"]
SPACE = "Ġ"  # how a byte-level BPE writes the space


class Tokenizer:
    """Text ↔ token ids."""

    def __init__(self, bpe: BpeTokenizer) -> None:
        self._bpe = bpe
        self.size = bpe.get_vocab_size()
        self.opens_word = [(bpe.id_to_token(i) or "").startswith(SPACE) for i in range(self.size)]

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
        return self._bpe.encode(text).ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of many texts, on all cores."""
        return [encoding.ids for encoding in self._bpe.encode_batch_fast(list(texts))]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids, without its leading space; pads are left out."""
        return self._bpe.decode(list(ids)).removeprefix(" ")

    def decode_batch(self, ids: Iterable[Sequence[int]]) -> list[str]:
        """The texts of many sequences of token ids."""
        return [text.removeprefix(" ") for text in self._bpe.decode_batch([list(i) for i in ids])]
