"""From traces to rows of the table, and to figures."""

import numpy as np
import pandas as pd
import pytest

from textback import scoring
from textback.bootstrap import weights
from textback.config import METRICS
from textback.figures.worked_example import as_text, choose
from textback.trace import partners


@pytest.fixture
def trace():
    """Three texts, two rounds: the first text is found in round 1, the others are not."""
    return pd.DataFrame(
        {
            "text": [0, 1, 2] * 2,
            "round": [0] * 3 + [1] * 3,
            "reference": ["a b c d", "e f g h", "i j k l"] * 2,
            "hypothesis": ["a b x d", "e f", "z", "a b c d", "e f", "y z"],
            "cosine": [0.8, 0.6, 0.1, 1.0, 0.6, 0.2],
            "cosine_null": [0.0, 0.1, 0.2, 0.0, 0.1, 0.2],
        }
    )


def values(rows, **where):
    return {
        row["metric"]: row["value"]
        for row in rows
        if all(row[key] == value for key, value in where.items())
    }


def test_every_text_has_another_text_as_partner_once():
    for n in (2, 3, 10, 501):
        found = partners(n)
        assert sorted(found) == list(range(n))
        assert (found != np.arange(n)).all()


def test_rounds_are_measured_by_hand(trace):
    rows = list(scoring.trace_rows(trace, {"beam": 4}, "", METRICS, weights(3, 50)))
    first, last = values(rows, round=0), values(rows, round=1)
    assert first["exact_match"] == 0 and last["exact_match"] == pytest.approx(1 / 3)
    assert first["token_f1"] == pytest.approx((3 / 4 + 2 / 3 + 0) / 3)
    assert last["cosine"] == pytest.approx(0.6)
    assert first["cosine_null"] == pytest.approx(0.1)
    assert {row["beam"] for row in rows} == {4} and {row["n"] for row in rows} == {3}


def test_only_wanted_metrics_are_measured(trace):
    rows = list(scoring.trace_rows(trace, {"beam": 1}, "", ["cosine", "bleu"], weights(3, 50)))
    assert {row["metric"] for row in rows} == {"cosine", "bleu"}


def test_shuffled_embeddings_give_each_text_its_partners_hypothesis(trace):
    null = scoring.shuffled(trace.query("round == 1"))
    assert null["hypothesis"].tolist() == ["e f", "y z", "a b c d"]
    assert null["reference"].tolist() == ["a b c d", "e f g h", "i j k l"]
    assert null["cosine"].tolist() == [0.0, 0.1, 0.2]


def test_gains_are_paired_differences(trace):
    found = scoring.gains(trace.query("round == 1"), trace.query("round == 0"), weights(3, 500))
    assert found["cosine"].value == pytest.approx(0.1)
    assert found["exact_match"].value == pytest.approx(1 / 3)
    assert found["bleu"].value > 0
    assert found["cosine"].low >= 0


def test_the_worked_example_is_a_text_that_was_improved_and_shows_each_change(trace):
    cell = {"corpus": "c", "embedder": "e", "reduction": "native", "inverter": "i"}
    cell |= {"target_corpus": "c", "search": "elitist", "perturbation": "none"}
    numbers = {"length": 4, "target_length": 4, "dim": 8, "beam": 4, "seed": 0}
    chosen = choose(trace.assign(**cell, **numbers))
    assert chosen["reference"].unique().tolist() == ["a b c d"]
    lines = as_text(chosen).splitlines()
    assert lines[0] == "c, e, 4 tokens, 8 dimensions, beam 4, elitist search"
    assert lines[2:] == ["round 0   0.8000 a b x d", "round 1   1.0000 a b c d"]
