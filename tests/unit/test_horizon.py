"""L50 and the exact horizon: known answers, a plain reference, and intervals that cover."""

import numpy as np
import pytest
from scipy.optimize import minimize

from textback.metrics import wilson
from textback.scaling.horizon import exact_horizon, half_length, logistic_half

LENGTHS = np.array([2, 4, 8, 16, 32, 64, 128])
N = 300


def shares_of(half, steepness=2.0, lengths=LENGTHS):
    return 1 / (1 + (lengths / half) ** steepness)


def intervals(shares):
    found = [wilson(share * N, N) for share in shares]
    return np.array([one.low for one in found]), np.array([one.high for one in found])


@pytest.mark.parametrize("half", [3.0, 11.0, 40.0, 100.0])
def test_l50_of_a_known_logistic_is_its_half_length(half):
    shares = shares_of(half)
    found = half_length(LENGTHS, shares, *intervals(shares), N)
    assert found.value == pytest.approx(half, rel=0.02)
    assert found.low < half < found.high and not found.outside


def test_it_fits_as_a_plain_optimiser_does():
    rng = np.random.default_rng(0)
    rows = np.sort(rng.random((20, len(LENGTHS))), axis=1)[:, ::-1]
    x = np.log(LENGTHS)
    for row, found in zip(rows, logistic_half(x, rows, N), strict=True):
        y = (N * row + 0.5) / (N + 1)

        def loss(values, y=y):
            logit = values[1] * (x - values[0])
            return (y * np.logaddexp(0, -logit) + (1 - y) * np.logaddexp(0, logit)).sum()

        best = minimize(
            loss,
            [x.mean(), -1.0],
            method="Nelder-Mead",
            options={"xatol": 1e-8, "fatol": 1e-12, "maxiter": 5000},
        )
        assert found == pytest.approx(best.x[0], abs=1e-4)


def test_all_exact_then_none_has_its_half_length_between():
    shares = np.array([1.0, 1, 1, 0, 0, 0, 0])
    found = half_length(LENGTHS, shares, *intervals(shares), N)
    assert 8 < found.value < 16 and 8 < found.low < found.high < 16


def test_the_interval_of_l50_covers_it_95_times_of_100():
    rng = np.random.default_rng(0)
    true = shares_of(11.0)
    hits = 0
    for _ in range(300):
        shares = rng.binomial(N, true) / N
        found = half_length(LENGTHS, shares, *intervals(shares), N)
        hits += found.low <= 11.0 <= found.high
    assert 0.92 <= hits / 300 <= 0.985


@pytest.mark.parametrize(
    ("shares", "said"),
    [([0.9, 0.8, 0.7], "≥ 8"), ([0.4, 0.2, 0.1], "< 2"), ([0.45, 0.6, 0.55], "≥ 8")],
)
def test_an_l50_that_no_lengths_bracket_is_said_to_lie_outside(shares, said):
    shares = np.array(shares)
    assert str(half_length(LENGTHS[:3], shares, shares - 0.1, shares + 0.1, N)) == said


def test_the_exact_horizon_ends_at_the_first_length_below_90_percent():
    shares = np.array([1.0, 0.95, 0.91, 0.85, 0.92, 0.1, 0.0])
    found = exact_horizon(LENGTHS, shares, shares - 0.03, shares + 0.06)
    assert (found.value, found.low, found.high) == (8, 4, 32)


@pytest.mark.parametrize(("shares", "said"), [([0.5, 0.1], "< 2"), ([1.0, 0.9], "≥ 4")])
def test_an_exact_horizon_outside_the_lengths_is_said_to_be(shares, said):
    shares = np.array(shares)
    found = exact_horizon(LENGTHS[:2], shares, shares, shares)
    assert str(found) == said
