"""The words of a corpus: how often each occurs, and which are names.

`words.parquet` has a row a word, in lower case and without a possessive 's:

word                       or a full name of the corpus's list, its words with single spaces
count                      in the training documents; of a large corpus, in a sample of COUNTED
                           characters of them
is_name                    see `textback.steps.words`
is_first, is_last, is_full by the corpus's list of names, where its entry has one
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from textback.errors import TextbackError
from textback.files import read_table
from textback.lines import read_lines

COUNTED = 100_000_000  # characters: a word of one in a million occurs in them some 17 times
NAME_SHARE = 0.95  # of a word's occurrences within sentences that are capitalised, of a name

_LETTERS = r"[^\W\d_]+(?:['’][^\W\d_]+)*"
_WORD = re.compile(rf"\d+(?:[.,]\d+)*|{_LETTERS}")
_WITHIN = re.compile(rf"(?<=[\w,;] ){_LETTERS}")  # no word that begins a sentence or a quotation
_PRONOUN = re.compile(r"i['’]")  # I'm, I've: capitalised everywhere, and no names


def words_of(text: str) -> list[str]:
    """The words and numbers of a text in their order, in lower case, NFC and without a final 's.

    A number keeps its points and commas (1,000.5); other punctuation parts words.
    """
    return [_bare(word) for word in _WORD.findall(unicodedata.normalize("NFC", text).lower())]


def is_number(word: str) -> bool:
    """Whether one of `words_of` is a number, written in digits."""
    return word[0].isdigit()


def count_words(texts: Iterable[str]) -> Counter[str]:
    """How often each word occurs."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(words_of(text))
    return counts


@dataclass(frozen=True)
class Cases:
    """How often each word is capitalised within sentences, and how often it is not.

    Words all in capitals are neither: they may be headings.
    """

    capital: Counter[str]
    lower: Counter[str]

    def names(self) -> set[str]:
        """Words that are capitalised within sentences, but for one time in twenty at most."""
        return {
            word
            for word, times in self.capital.items()
            if times >= NAME_SHARE * (times + self.lower[word]) and not _PRONOUN.match(word)
        }

    def common(self) -> set[str]:
        """Words that are more often not capitalised."""
        return {word for word, times in self.lower.items() if times > self.capital[word]}


def count_cases(texts: Iterable[str]) -> Cases:
    """The cases of the words of texts that have their case."""
    within: Counter[str] = Counter()
    for text in texts:
        within.update(_WITHIN.findall(text))
    cases = Cases(Counter(), Counter())
    for word, times in within.items():
        if word.islower():
            cases.lower[_bare(word)] += times
        elif word[0].isupper() and not word.isupper():
            cases.capital[_bare(word.lower())] += times
    return cases


def read_names(corpus: str, path: Path) -> list[tuple[str, ...]]:
    """The names of a list, one a line, first name first, each as its words.

    Raises TextbackError where the file is not UTF-8 or has no name.
    """
    label = f"corpus '{corpus}': names {path}"
    names = [tuple(words_of(line)) for _, line in read_lines(path, label)]
    if not any(names):
        raise TextbackError(f"{label} has no name: write one a line, e.g. Maria Lopez")
    return [name for name in names if name]


@dataclass(frozen=True)
class Lexicon:
    """What measures know of words: their counts in the training documents, and the names."""

    counts: Mapping[str, int]
    names: frozenset[str]
    first: frozenset[str] = frozenset()
    last: frozenset[str] = frozenset()
    full: frozenset[tuple[str, ...]] = frozenset()

    def per_million(self, word: str) -> float:
        """How often a word occurs among a million words of the training documents."""
        return self.counts.get(word, 0) / self._millions

    @cached_property
    def _millions(self) -> float:
        return sum(self.counts.values()) / 1e6


def read_lexicon(trained: Path, target: Path) -> Lexicon:
    """The words of two corpora: counts of the one trained on, names of the one whose texts are
    inverted; mostly the same. Raises TextbackError where a file is missing or broken.
    """
    counts = read_table(trained).query("count > 0")
    names = read_table(target)
    kinds = ("is_name", "is_first", "is_last", "is_full")
    name, first, last, full = (names.loc[names[kind], "word"] for kind in kinds)
    return Lexicon(
        dict(zip(counts["word"], counts["count"], strict=True)),
        *map(frozenset, (name, first, last)),
        frozenset(tuple(words.split(" ")) for words in full),
    )


def sequences(words: Sequence[str], wanted: frozenset[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Every wanted sequence of words that stands in `words`, as often as it does."""
    lengths = sorted({len(sequence) for sequence in wanted})
    found = (
        tuple(words[start : start + length])
        for length in lengths
        for start in range(len(words) - length + 1)
    )
    return [sequence for sequence in found if sequence in wanted]


def _bare(word: str) -> str:
    return word.removesuffix("'s").removesuffix("’s")
