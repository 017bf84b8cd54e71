"""Windows of whole words, and a uniform sample of the distinct ones that fits in memory.

Every window has a seeded random number, its hash. The windows with the smallest ones are a uniform
sample of the distinct windows, whatever the order in which they come and however often each occurs
(bottom-k sampling: Cohen and Kaplan, *Summarizing data using bottom-k sketches*, PODC 2007).
"""

import numpy as np

from textback.encoding import Tokens

MULTIPLIER = 0x9E3779B97F4A7C15  # odd, so that no token's bits are lost
LARGEST = np.uint64(2**64 - 1)


def whole_words(tokens: Tokens, length: int) -> np.ndarray:
    """Where the windows begin that begin and end with whole words of one text, (n,)."""
    begins = np.zeros(len(tokens.ids) + 1, bool)
    begins[tokens.words] = True
    begins[-1] = True
    starts = tokens.words[tokens.words + length <= tokens.ends]
    return starts[begins[starts + length]]


def window_hashes(values: np.ndarray, length: int) -> np.ndarray:
    """Hashes of all windows, (n - length + 1,) uint64, from their tokens' random values, (n,).

    A polynomial of the values: that of two halves follows from theirs, so its time grows with the
    logarithm of the length alone.
    """
    if length == 1:
        return values
    half = window_hashes(values, length // 2)
    both = half[: -(length // 2)] * _power(length // 2) + half[length // 2 :]
    return both if length % 2 == 0 else both[:-1] * _power(1) + values[length - 1 :]


class Sample:
    """The windows with the smallest hashes.

    size: how many are kept; seed: numbers that the hashes depend on
    complete: whether nothing was left out
    """

    def __init__(self, size: int, length: int, vocabulary: int, seed: tuple[int, ...]) -> None:
        self._size, self._length = size, length
        rng = np.random.default_rng(seed)
        self._values = rng.integers(0, 2**64, vocabulary, np.uint64)
        self._limit = LARGEST
        self._hashes: list[np.ndarray] = []
        self._windows: list[np.ndarray] = []
        self.complete = True

    def add(self, tokens: Tokens) -> None:
        """Offer the windows of some texts."""
        starts = whole_words(tokens, self._length)
        if not len(starts):
            return
        hashes = _mixed(window_hashes(self._values[tokens.ids], self._length)[starts])
        small = hashes <= self._limit
        self._hashes.append(hashes[small])
        self._windows.append(tokens.ids[starts[small, None] + np.arange(self._length)])
        if sum(map(len, self._hashes)) > 2 * self._size:
            self._shrink()

    def windows(self) -> np.ndarray:
        """The sample, (n, length), distinct, in the order of the hashes, which is a random one."""
        if not self._hashes:
            return np.empty((0, self._length), np.uint16)
        self._shrink()
        return self._windows[0]

    def distinct(self) -> float:
        """How many distinct windows were offered: exact where complete, else estimated."""
        kept = sum(map(len, self._hashes))
        return kept if self.complete else kept * (float(LARGEST) / float(self._limit))

    def _shrink(self) -> None:
        """Keep the smallest hashes, each once: equal windows have equal ones, and no others do
        (of a hundred million windows one is lost so with a probability of 3e-4).
        """
        hashes, first = np.unique(np.concatenate(self._hashes), return_index=True)
        if len(hashes) > self._size:
            self.complete = False
            hashes, first = hashes[: self._size], first[: self._size]
            self._limit = hashes[-1]
        self._hashes, self._windows = [hashes], [np.concatenate(self._windows)[first]]


def _power(exponent: int) -> np.uint64:
    return np.uint64(pow(MULTIPLIER, exponent, 2**64))


def _mixed(values: np.ndarray) -> np.ndarray:
    """A bijection of 64 bits after which all depend on all (the finaliser of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
