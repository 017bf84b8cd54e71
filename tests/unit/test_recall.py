"""Recall of names, numbers and rare words, and errors by word frequency, on known answers."""

import numpy as np
import pandas as pd
import pytest

from textback import recall, scoring
from textback.bootstrap import weights
from textback.config import METRICS, RECALLS
from textback.word_errors import EDGES, word_errors
from textback.words import Lexicon, is_number

COMMON = {"the": 500_000, "of": 400_000, "war": 99_900, "spain": 50, "treaty": 49, "quorum": 1}
LEXICON = Lexicon(
    counts=COMMON,
    names=frozenset({"spain", "ada", "lopez", "maria"}),
    first=frozenset({"ada", "maria"}),
    last=frozenset({"lopez"}),
    full=frozenset({("ada", "lopez"), ("ada", "maria", "lopez")}),
)
TEXT = "The war of Spain, 1898: Ada Lopez's quorum of 3 by Maria"


@pytest.mark.parametrize(
    ("metric", "hypothesis", "answer"),
    [
        ("word_recall", "the war", 2 / 12),
        ("word_recall", "the the the", 1 / 12),
        ("name_recall", "ada, of spain", 2 / 4),
        ("name_recall", "the war", 0),
        ("number_recall", "in 1898 the 33", 1 / 2),
        ("rare_word_recall", "quorum by lopez", 3 / 5),
        ("first_name_recall", "Maria Maria Maria", 1 / 2),
        ("last_name_recall", "lopez", 1),
        ("full_name_recall", "ada lopez", 1),
        ("full_name_recall", "lopez ada", 0),
        ("full_name_recall", "ada the lopez", 0),
    ],
)
def test_recalls_are_what_a_hand_counts(metric, hypothesis, answer):
    assert recall.recall(metric, hypothesis, TEXT, LEXICON) == pytest.approx(answer)


def test_every_recall_of_the_configuration_is_measured():
    assert set(recall.UNITS) == set(RECALLS) <= set(METRICS)


@pytest.mark.parametrize("metric", RECALLS)
def test_a_text_itself_is_recalled_in_full_and_one_without_any_has_no_recall(metric):
    assert recall.recall(metric, TEXT.lower(), TEXT, LEXICON) == 1
    assert np.isnan(recall.recall(metric, TEXT, "--", LEXICON))


@pytest.mark.parametrize("metric", RECALLS)
def test_a_hypothesis_gains_nothing_by_being_longer(metric):
    padded = " ".join(["the"] * 12) + " " + TEXT
    assert recall.recall(metric, padded, TEXT, LEXICON) == (
        pytest.approx(1 / 12) if metric == "word_recall" else 0
    )


def plain_recall(wanted, hypothesis, reference):
    """Cross off the text's words one by one, of which `wanted` says whether they count."""
    theirs = [word for word in reference.split() if wanted(word)]
    left = hypothesis.split()[: len(reference.split())]
    found = 0
    for word in theirs:
        if word in left:
            left.remove(word)
            found += 1
    return found / len(theirs) if theirs else np.nan


PLAIN = {
    "word_recall": lambda word: True,
    "name_recall": lambda word: word in LEXICON.names,
    "number_recall": str.isdigit,
    "rare_word_recall": lambda word: not word.isdigit() and COMMON.get(word, 0) < 10,
}


@pytest.fixture
def pairs(rng):
    """Forty texts of up to eight words, each with a hypothesis."""
    words = [*COMMON, "ada", "lopez", "never", "7", "1898"]
    texts = [" ".join(rng.choice(words, rng.integers(1, 9))) for _ in range(80)]
    return list(zip(texts[::2], texts[1::2], strict=True))


@pytest.mark.parametrize("metric", PLAIN)
def test_recalls_agree_with_a_plain_reference(pairs, metric):
    ours = [recall.recall(metric, *pair, LEXICON) for pair in pairs]
    assert ours == pytest.approx([plain_recall(PLAIN[metric], *p) for p in pairs], nan_ok=True)


def test_the_mean_is_of_the_texts_that_have_any_and_n_says_how_many():
    pairs = [("ada", "ada of spain"), ("war", "the war"), ("spain", "spain"), ("", "the of")]
    found = recall.mean_recall("name_recall", pairs, LEXICON, 200)
    assert (found.value, found.n) == (0.75, 2)
    assert found.low == 0.5 and found.high == 1
    assert recall.mean_recall("number_recall", pairs, LEXICON, 200) is None


@pytest.fixture
def trace():
    return pd.DataFrame(
        {
            "text": [0, 1, 2],
            "round": 0,
            "reference": ["ada of spain", "the war", "the of"],
            "hypothesis": ["ada of war", "the war", "the war"],
            "cosine": 0.5,
            "cosine_null": 0.1,
        }
    )


def test_recalls_stand_in_the_table_but_where_no_text_has_any(trace):
    rows = list(scoring.trace_rows(trace, {"beam": 1}, "", RECALLS, weights(3, 50), LEXICON))
    assert {row["metric"]: (row["value"], row["n"]) for row in rows} == {
        "word_recall": (pytest.approx((2 / 3 + 1 + 1 / 2) / 3), 3),
        "name_recall": (0.5, 1),
        "rare_word_recall": (1.0, 1),
        "first_name_recall": (1.0, 1),
    }


def test_every_word_is_in_the_bin_of_its_frequency():
    rows = word_errors([("the war quorum", "the of treaty never quorum 7 war")], LEXICON, 50)
    bins = {row["from_per_million"]: (row["words"], row["value"], row["n"]) for row in rows}
    assert bins == {
        0: (2, 0.0, 1),  # never, 7
        1.0: (1, 1.0, 1),  # quorum: once in a million
        10.0: (1, 0.0, 1),  # treaty
        10_000: (3, pytest.approx(2 / 3), 1),  # the, of, war
    }


def test_bins_hold_all_words_and_together_tell_the_share_that_comes_back(pairs):
    rows = word_errors(pairs, LEXICON, 100)
    words = sum(row["words"] for row in rows)
    back = sum(row["words"] * row["value"] for row in rows)
    assert words == sum(len(reference.split()) for _, reference in pairs)
    shares = [recall.recall("word_recall", *pair, LEXICON) for pair in pairs]
    assert back == pytest.approx(
        sum(share * len(p[1].split()) for share, p in zip(shares, pairs, strict=True))
    )
    assert all(row["low"] <= row["value"] <= row["high"] for row in rows)
    assert [row["from_per_million"] for row in rows] == [
        e for e in EDGES if e in (0, 1, 10, 10_000)
    ]


def test_errors_by_frequency_name_the_round_and_the_inversion(trace):
    rows = list(scoring.word_error_rows(trace, {"beam": 4, "baseline": ""}, LEXICON, 50))
    assert {(row["baseline"], row["round"], row["beam"]) for row in rows} == {("", 0, 4)}


def test_gains_in_recall_are_paired_differences_of_the_texts_that_have_any(trace):
    before = trace.assign(hypothesis=["war", "the war", "the"])
    found = scoring.gains(trace, before, weights(3, 200), LEXICON)
    assert (found["name_recall"].value, found["name_recall"].n) == (0.5, 1)
    assert found["word_recall"].value == pytest.approx((2 / 3 + 0 + 0) / 3)
    assert "number_recall" not in found


def test_numbers_are_written_in_digits():
    assert is_number("1,000") and not is_number("thousand")
