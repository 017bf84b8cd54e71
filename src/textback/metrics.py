"""Measures of how like its text a hypothesis is, each a row of numbers, one a text.

Two measures are not means of such numbers: corpus BLEU, and its interval, come from sacreBLEU's
sufficient statistics; exact match has Wilson's interval.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import sqrt

import numpy as np
from rapidfuzz.distance import LCSseq, Levenshtein
from sacrebleu.metrics import BLEU

Z95 = 1.959963984540054  # the normal distribution's 97.5% point


@dataclass(frozen=True)
class Interval:
    """A value with its 95% interval, from n texts.

    resampled: (resamples,), the value in each bootstrap resample of the texts; none of a value that
    is no estimate
    """

    value: float
    low: float
    high: float
    n: int
    resampled: np.ndarray | None = field(default=None, repr=False, compare=False)


def normalise(text: str) -> str:
    """NFC with single spaces: the form in which texts are compared."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def exact_match(hypothesis: str, reference: str) -> float:
    """1 where the two are the same string after `normalise`, else 0."""
    return float(normalise(hypothesis) == normalise(reference))


def token_f1(hypothesis: str, reference: str) -> float:
    """F1 of the multisets of words, as in SQuAD (Rajpurkar et al. 2016), case kept."""
    return _f1(Counter(_words(hypothesis)), Counter(_words(reference)))


def token_f1_set(hypothesis: str, reference: str) -> float:
    """F1 of the sets of words, as vec2text computes its token F1: repetitions do not count."""
    return _f1(Counter(set(_words(hypothesis))), Counter(set(_words(reference))))


def rouge_l(hypothesis: str, reference: str) -> float:
    """ROUGE-L F1 (Lin 2004): the longest common subsequence of lowercased words and numbers."""
    mine, theirs = _alphanumeric(hypothesis), _alphanumeric(reference)
    if not mine or not theirs:
        return float(mine == theirs)
    common = LCSseq.similarity(mine, theirs)
    return 2 * common / (len(mine) + len(theirs))


def edit_similarity(hypothesis: str, reference: str) -> float:
    """1 − Levenshtein distance in characters / length of the longer text."""
    return Levenshtein.normalized_similarity(hypothesis, reference)


def bleu_sentence(hypothesis: str, reference: str) -> float:
    """sacreBLEU of one sentence, 0 … 100, with its effective order: short texts can reach 100."""
    return _SENTENCE_BLEU.sentence_score(hypothesis, [reference]).score


_SENTENCE_BLEU = BLEU(effective_order=True)
_CORPUS_BLEU = BLEU()

TEXT_METRICS: dict[str, Callable[[str, str], float]] = {
    "bleu_sentence": bleu_sentence,
    "exact_match": exact_match,
    "token_f1": token_f1,
    "token_f1_set": token_f1_set,
    "rouge_l": rouge_l,
    "edit_similarity": edit_similarity,
}


def bleu_statistics(hypotheses: Sequence[str], references: Sequence[str]) -> np.ndarray:
    """sacreBLEU's sufficient statistics of each pair, (n, 10): lengths, matches, totals."""
    return np.array(
        _CORPUS_BLEU._extract_corpus_statistics(list(hypotheses), [list(references)]), np.int64
    )


def bleu_of(statistics: np.ndarray) -> float:
    """Corpus BLEU, 0 … 100, of summed statistics, (10,)."""
    return _CORPUS_BLEU._compute_score_from_stats([int(s) for s in statistics]).score


def bleu_signature() -> str:
    """sacreBLEU's signature of the corpus BLEU used here."""
    if not _CORPUS_BLEU._ref_cache:
        _CORPUS_BLEU.corpus_score(["a"], [["a"]])
    return str(_CORPUS_BLEU.get_signature())


def wilson(successes: float, n: int) -> Interval:
    """A proportion with Wilson's 95% score interval (Wilson 1927)."""
    share = successes / n
    centre = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 * sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2)) / (1 + Z95**2 / n)
    low = 0.0 if successes == 0 else centre - half  # exact at the ends, where rounding would show
    high = 1.0 if successes == n else centre + half
    return Interval(share, low, high, n)


def _f1(mine: Counter[str], theirs: Counter[str]) -> float:
    common = (mine & theirs).total()
    return 2 * common / (mine.total() + theirs.total()) if common else 0.0


def _words(text: str) -> list[str]:
    return normalise(text).split()


def _alphanumeric(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())
