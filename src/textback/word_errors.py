"""Words that come back by how often the attacker saw them: errors by word frequency.

After Figure 6 of Morris et al. 2023. Every word of the test texts (numbers, too) is in the bin of
its frequency in the training documents; of a bin, the share of its words that come back, each as
often as the text has it. A word counts once each time it stands in a text.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from textback import bootstrap
from textback.recall import matched
from textback.words import Lexicon

Row = dict[str, Any]

# A bin each, from here up to the next, in occurrences a million words: never, less than 1, …
EDGES = (0.0, 1e-9, 1.0, 10.0, 100.0, 1000.0, 10_000.0)
COLUMNS = ("from_per_million", "words", "value", "low", "high", "n")


def word_errors(pairs: Sequence[tuple[str, str]], lexicon: Lexicon, resamples: int) -> list[Row]:
    """A row a bin that has words, with its bootstrap interval over the texts that have any.

    pairs: hypothesis and reference of each text
    words: in the bin; value: the share of them that come back; n: texts
    """
    there, back = np.zeros((2, len(EDGES), len(pairs)))  # of each bin and text
    for text, pair in enumerate(pairs):
        words, found = matched("word_recall", *pair, lexicon)
        for word, times in words.items():
            number = np.searchsorted(EDGES, lexicon.per_million(word), side="right") - 1
            there[number, text] += times
            back[number, text] += found[word]
    return [
        _row(edge, there[number], back[number], resamples)
        for number, edge in enumerate(EDGES)
        if there[number].any()
    ]


def _row(edge: float, there: np.ndarray, back: np.ndarray, resamples: int) -> Row:
    """Of one bin: its words in each text, (n,), and how many of them come back."""
    some = there > 0
    drawn = bootstrap.weights(np.count_nonzero(some), resamples)
    found = bootstrap.ratio_interval(back[some], there[some], drawn)
    measured = (edge, int(there.sum()), found.value, found.low, found.high, found.n)
    return dict(zip(COLUMNS, measured, strict=True))
