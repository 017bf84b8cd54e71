"""Recall of names, numbers, rare words and all words: what a text gives away of what matters.

Morris et al. 2023 report, of clinical notes (MIMIC-III), which first, last and full names come
back; their way of finding and comparing names may differ from ours. Here a recall is, of one text,
the share of its names (numbers, …) that its hypothesis has, each as often as the text has it,
whatever their case and place. A text without any is left out of the mean.

A hypothesis gains nothing by its length: of one with more words than the text, only as many count
as the text has. And the baselines stand beside it, whose hypotheses are as long: what another
text's hypothesis and the nearest training passage have in common with the text by chance.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache

import numpy as np

from textback import bootstrap
from textback.metrics import Interval
from textback.words import Lexicon, is_number, sequences, words_of

RARE = 10.0  # occurrences in a million words of the training documents, below which a word is rare

Words = Sequence[str]
Units = list[Hashable]


def all_words(words: Words, lexicon: Lexicon) -> Units:
    """Every word and number: what the other kinds are compared with."""
    return list(words)


def names(words: Words, lexicon: Lexicon) -> Units:
    """Words that are names in the corpus, a word each: see `textback.steps.words`."""
    return [word for word in words if word in lexicon.names]


def numbers(words: Words, lexicon: Lexicon) -> Units:
    """Numbers written in digits; 1,000 is another one than 1000."""
    return [word for word in words if is_number(word)]


def rare_words(words: Words, lexicon: Lexicon) -> Units:
    """Words, names among them but no numbers, below RARE in the training documents."""
    return [word for word in words if not is_number(word) and lexicon.per_million(word) < RARE]


def first_names(words: Words, lexicon: Lexicon) -> Units:
    """Words that begin a full name in the corpus's list of names."""
    return [word for word in words if word in lexicon.first]


def last_names(words: Words, lexicon: Lexicon) -> Units:
    """Words that end a full name in the corpus's list of names."""
    return [word for word in words if word in lexicon.last]


def full_names(words: Words, lexicon: Lexicon) -> Units:
    """Full names of the corpus's list: all their words next to each other, in the list's order."""
    return list(sequences(words, lexicon.full))


UNITS: dict[str, Callable[[Words, Lexicon], Units]] = {
    "word_recall": all_words,
    "name_recall": names,
    "number_recall": numbers,
    "rare_word_recall": rare_words,
    "first_name_recall": first_names,
    "last_name_recall": last_names,
    "full_name_recall": full_names,
}


def mean_recall(
    metric: str, pairs: Sequence[tuple[str, str]], lexicon: Lexicon, resamples: int
) -> Interval | None:
    """The mean recall of the texts that have units of a kind, None where no text has.

    pairs: hypothesis and reference of each text; n counts the texts that have any.
    """
    return _mean(_recalls(metric, pairs, lexicon), resamples)


def recall_gain(
    metric: str,
    pairs: Sequence[tuple[str, str]],
    before: Sequence[tuple[str, str]],
    lexicon: Lexicon,
    resamples: int,
) -> Interval | None:
    """The mean paired difference in recall of two hypotheses of each text, as `mean_recall`."""
    recalls = _recalls(metric, pairs, lexicon) - _recalls(metric, before, lexicon)
    return _mean(recalls, resamples)


def recall(metric: str, hypothesis: str, reference: str, lexicon: Lexicon) -> float:
    """The share of a text's units of a kind that come back, NaN where it has none."""
    there, back = matched(metric, hypothesis, reference, lexicon)
    return back.total() / there.total() if there else np.nan


def matched(
    metric: str, hypothesis: str, reference: str, lexicon: Lexicon
) -> tuple[Counter[Hashable], Counter[Hashable]]:
    """A text's units of a kind with their times, and how many times each comes back."""
    theirs = _words(reference)
    mine = _words(hypothesis)[: len(theirs)]
    units = UNITS[metric]
    there = Counter(units(theirs, lexicon))
    return there, there & Counter(units(mine, lexicon))


def _recalls(metric: str, pairs: Sequence[tuple[str, str]], lexicon: Lexicon) -> np.ndarray:
    """The recall of each text, (n,), NaN where it has none."""
    return np.array([recall(metric, *pair, lexicon) for pair in pairs])


def _mean(values: np.ndarray, resamples: int) -> Interval | None:
    """The mean of those of (n,) that are numbers, None where none is."""
    some = values[~np.isnan(values)]
    if not len(some):
        return None
    return bootstrap.mean_interval(some, bootstrap.weights(len(some), resamples))


@lru_cache(100_000)  # the same texts come round after round, for one metric after the other
def _words(text: str) -> tuple[str, ...]:
    return tuple(words_of(text))
