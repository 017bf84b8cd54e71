"""Attacker-limited against information-limited, and the collapse on load: known answers."""

import numpy as np
import pandas as pd
import pytest

from textback.scaling.collapse import scatter
from textback.scaling.compute_gain import compute_gains

BY = ["length", "dim"]


def cells(*budgets, half=0.01, length=8, dim=64):
    return pd.DataFrame(
        [
            {
                "length": length,
                "dim": dim,
                "flops": flops,
                "value": u,
                "low": u - half,
                "high": u + half,
            }
            for flops, u in budgets
        ]
    )


def test_the_gain_is_by_doubling_and_of_the_two_largest_budgets():
    (row,) = compute_gains(cells((1e12, 0.9), (1e13, 0.5), (8e13, 0.2)), BY).itertuples()
    assert row.doublings == pytest.approx(3)
    assert row.gain == pytest.approx(0.1)
    assert row.gain_high - row.gain == pytest.approx(np.hypot(0.01, 0.01) / 3)
    assert (row.length, row.dim) == (8, 64)


@pytest.mark.parametrize(
    ("before", "after", "half", "limit"),
    [
        (0.60, 0.50, 0.01, "attacker-limited"),
        (0.50, 0.50, 0.002, "information-limited"),
        (0.51, 0.50, 0.01, "undecided"),
        (0.50, 0.50, 0.05, "undecided"),
        (0.10, 0.03, 0.001, "recovered"),
    ],
)
def test_a_cell_is_limited_by_what_its_interval_says(before, after, half, limit):
    found = compute_gains(cells((1e13, before), (2e13, after), half=half), BY)
    assert found["limit"].tolist() == [limit]


def test_a_point_of_one_budget_has_no_gain():
    both = pd.concat([cells((1e13, 0.5)), cells((1e13, 0.5), (2e13, 0.4), dim=16)])
    assert compute_gains(both, BY)["dim"].tolist() == [16]
    assert compute_gains(cells((1e13, 0.5), (1e13, 0.4)), BY).empty


def test_cells_on_one_rising_curve_do_not_scatter_and_others_do():
    length, dim = (axis.ravel() for axis in np.meshgrid([4, 8, 16, 32], [16, 32, 64, 128]))
    load = 6.5 * length / dim
    u = load / (1 + load)
    assert scatter(load, u) < 1e-12
    assert scatter(length.astype(float), u) > 0.1
    assert scatter(-load, u) == pytest.approx(u.std())  # falling: no better than their mean
