"""What `textback invert` says of a search that ends before its last round."""

import numpy as np
import pytest
from rich.console import Console

from textback.interactive import _show_end
from textback.inverter.search.states import Effort, Hypothesis, Round


def hypothesis(text, recovered=False):
    return Hypothesis(text, np.array([1]), np.ones(1), 0.5, recovered, 0.0)


def said(best, found, tried, rounds=9, patience=3):
    """Of a search that found `best` in round `found` and tried texts up to round `tried`."""
    other = hypothesis("other")
    history = [
        Round(best if number >= found else other, other if number <= tried else None, 1)
        for number in range(rounds + 1)
    ]
    console = Console(record=True, width=200)
    _show_end(console, history, Effort("elitist", 2, rounds, breadth=2, patience=patience))
    return console.export_text().strip()


def test_it_says_that_it_gave_up():
    assert said(hypothesis("best"), 2, 5).startswith("ended after round 5: 3 rounds without gain")


def test_it_says_that_nothing_was_left_to_try():
    assert said(hypothesis("best"), 2, 3).startswith("ended after round 3: nothing new to try")


@pytest.mark.parametrize(("recovered", "tried"), [(True, 4), (False, 9)])
def test_it_says_nothing_where_it_found_the_embedding_or_went_to_the_end(recovered, tried):
    assert said(hypothesis("best", recovered), 2, tried) == ""
