"""How long a text may be before it is no longer read back exactly: L50 and the exact horizon.

L50 is the length at which exact match is 50%, of a logistic in the logarithm of the length, 1 for
the shortest texts and 0 for the longest,

    p(L) = 1 / (1 + (L / L50)^k),

fitted by maximum likelihood to the shares that are exact at each length. The exact horizon is the
longest length up to which every length swept has an exact match of at least 90%: the open question
of Morris et al. 2023 is from which length on a vector can no longer hold a text perfectly. What
lies outside the lengths swept is said to, and not guessed.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from textback.bootstrap import LEVEL

EXACT = 0.9
RESAMPLES = 1000
SEED = 0
STEPS = 100
LONGEST_STEP = 2.0  # of Newton's method, in either parameter
CONVERGED = 1e-9


@dataclass(frozen=True)
class Horizon:
    """A length in tokens with its 95% interval, none beyond the lengths swept.

    outside: where it lies if it is not among them: `below` the shortest, `above` the longest, whose
    length then stands as the value
    """

    value: float
    low: float
    high: float
    outside: Literal["", "below", "above"] = ""

    def __str__(self) -> str:
        """In words: the length with its interval, or on which side of the swept ones it is."""
        if self.outside:
            return f"{'<' if self.outside == 'below' else '≥'} {self.value:g}"
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"


def half_length(
    lengths: np.ndarray, shares: np.ndarray, low: np.ndarray, high: np.ndarray, n: int
) -> Horizon:
    """L50 of exact-match shares at each length, (lengths,) each, ascending, of n texts.

    The bootstrap is parametric: each length's share is drawn from a normal distribution that
    reaches to either side as its interval does, lengths apart, for they share neither texts nor
    models. A share that is never, or always, at 50% or above gives no L50 but the side it lies on.
    """
    if shares[-1] >= 0.5:
        return _outside(lengths[-1], "above")
    if shares[0] < 0.5:
        return _outside(lengths[0], "below")
    drawn = _drawn(shares, low, high)
    x = np.log(lengths)
    found = np.exp(logistic_half(x, np.vstack([shares, drawn]), n))
    found = np.clip(found, lengths[0], lengths[-1])
    ends = np.percentile(found[1:], LEVEL)
    return Horizon(float(found[0]), float(ends[0]), float(ends[1]))


def exact_horizon(
    lengths: np.ndarray, shares: np.ndarray, low: np.ndarray, high: np.ndarray
) -> Horizon:
    """The longest length up to which the share stays at 90% or above, (lengths,) each, ascending.

    Its interval: what it would be if each length's share were at the end of its interval.
    """
    reached = _reached(shares)
    if reached == 0:
        return _outside(lengths[0], "below")
    if reached == len(lengths):
        return _outside(lengths[-1], "above")
    ends = [lengths[max(_reached(end) - 1, 0)] for end in (low, high)]
    return Horizon(float(lengths[reached - 1]), float(ends[0]), float(ends[1]))


def logistic_half(x: np.ndarray, shares: np.ndarray, n: int) -> np.ndarray:
    """Where logistics through m rows of shares at x, (m, lengths), are at one half, (m,).

    Fitted by Newton's method. At each length half a text is counted as exact and half a text as
    not, so that shares of all and none, too, have a likeliest logistic (Haldane 1956). Infinite
    where the shares do not fall.
    """
    y = (n * shares + 0.5) / (n + 1)
    design = np.stack([np.ones_like(x), x - x.mean()])  # (2, lengths)
    values = np.zeros((len(y), 2))
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-values @ design))
        slope = (y - p) @ design.T
        curvature = np.einsum("ml,il,jl->mij", p * (1 - p), design, design)
        move = np.linalg.solve(curvature + 1e-9 * np.eye(2), slope[..., None])[..., 0]
        move = np.clip(move, -LONGEST_STEP, LONGEST_STEP)
        values += move
        if np.abs(move).max() < CONVERGED:
            break
    at_middle, slope = values.T
    falls = slope < 0
    nowhere = np.where(at_middle > 0, np.inf, -np.inf)
    return np.where(falls, x.mean() - at_middle / np.where(falls, slope, 1.0), nowhere)


def _drawn(shares: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    z = np.random.default_rng(SEED).standard_normal((RESAMPLES, len(shares)))
    width = np.where(z < 0, shares - low, high - shares) / 1.96
    return np.clip(shares + z * width, 0.0, 1.0)


def _reached(shares: np.ndarray) -> int:
    """How many lengths from the shortest on have a share of at least `EXACT`."""
    short = shares < EXACT
    return int(short.argmax()) if short.any() else len(shares)


def _outside(length: float, side: Literal["below", "above"]) -> Horizon:
    return Horizon(float(length), float(length), float(length), side)
