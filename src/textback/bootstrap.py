"""Percentile bootstrap over texts (Efron 1979), vectorised, seeded.

Two measurements on the same texts are resampled together, so that their difference is paired.
"""

import numpy as np

from textback.metrics import Interval, bleu_of

SEED = 0
LEVEL = (2.5, 97.5)


def weights(n: int, resamples: int) -> np.ndarray:
    """How often each of n texts is drawn in each resample, (resamples, n) int16."""
    rng = np.random.default_rng(SEED)
    return rng.multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.int16)


def mean_interval(values: np.ndarray, drawn: np.ndarray) -> Interval:
    """The mean of values, (n,), and its interval."""
    resampled = drawn @ values / len(values)
    return _interval(float(values.mean()), resampled, len(values))


def ratio_interval(above: np.ndarray, below: np.ndarray, drawn: np.ndarray) -> Interval:
    """Σ above / Σ below over texts, (n,) each, and its interval."""
    resampled = (drawn @ above) / (drawn @ below)
    return _interval(float(above.sum() / below.sum()), resampled, len(above))


def bleu_interval(statistics: np.ndarray, drawn: np.ndarray) -> Interval:
    """Corpus BLEU of statistics, (n, 10), and its interval."""
    return _interval(bleu_of(statistics.sum(0)), _bleus(statistics, drawn), len(statistics))


def mean_gain(values: np.ndarray, before: np.ndarray, drawn: np.ndarray) -> Interval:
    """The mean paired difference values − before, (n,) each, and its interval."""
    return mean_interval(values - before, drawn)


def bleu_gain(statistics: np.ndarray, before: np.ndarray, drawn: np.ndarray) -> Interval:
    """The difference of two corpus BLEUs over the same texts, (n, 10) each, and its interval."""
    difference = bleu_of(statistics.sum(0)) - bleu_of(before.sum(0))
    resampled = _bleus(statistics, drawn) - _bleus(before, drawn)
    return _interval(difference, resampled, len(statistics))


def _bleus(statistics: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    return np.array([bleu_of(row) for row in drawn.astype(np.int64) @ statistics])


def _interval(value: float, resampled: np.ndarray, n: int) -> Interval:
    low, high = np.percentile(resampled, LEVEL)
    return Interval(value, float(low), float(high), n, resampled)
