"""Paired differences between searches: those of their texts, and only of what is alike."""

import numpy as np
import pandas as pd
import pytest
from finished_cells import import_scores

from textback import bootstrap, scoring
from textback.cells import cells_of
from textback.config import Part
from textback.files import write_json
from textback.pooling import resamples_path, write_resamples
from textback.search_gains import search_gains
from textback.table import cells_of_parts, score_path

WORDS = ["the", "army", "and", "navy", "of", "our", "free", "states"]
GAINED = ("cosine", "bleu", "exact_match")
PART = Part(
    use_corpora=["c"],
    use_embedders=["e"],
    use_inverters=["i"],
    lengths=[4],
    reductions=["native"],
    seeds=[0],
)
(CELL,) = cells_of(PART)


def trace(seed, changed, rounds=1, n=60):
    """Texts of 6 words; of the last round's every one has each word changed by that chance."""
    rng = np.random.default_rng(seed)
    texts = [list(np.random.default_rng(i).choice(WORDS, 6)) for i in range(n)]
    rows = []
    for number in range(rounds + 1):
        chance = changed if number else 1.0
        for words in texts:
            written = [w if rng.random() > chance else "no" for w in words]
            cosine = float(np.mean([w == v for w, v in zip(words, written, strict=True)]))
            rows.append((number, " ".join(words), " ".join(written), cosine))
    return pd.DataFrame(rows, columns=["round", "reference", "hypothesis", "cosine"])


def scored(part, searches, resamples=200, **columns):
    """The scores of a part's cell, of searches' traces, as their step writes them."""
    rows = []
    for search, frame in searches.items():
        place = {"target_corpus": "c", "target_length": 4, "search": search} | columns
        place = {"perturbation": "none", "beam": 4} | place
        drawn = bootstrap.weights(frame["reference"].size // frame["round"].nunique(), resamples)
        shuffled = frame.assign(hypothesis="no")
        rows += scoring.trace_rows(shuffled, place, "shuffled", GAINED, drawn)
        rows += scoring.trace_rows(frame, place, "", GAINED, drawn)
    rows, drawn = scoring.without_resamples(rows, resamples)
    path = score_path("s", part, CELL)
    write_resamples(resamples_path(path), drawn)
    write_json(path, {"cell": CELL.columns() | {"dim": 384}, "rows": rows})


def found(*names):
    return search_gains("s", cells_of_parts(dict.fromkeys(names, PART)))


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_difference_is_that_of_the_texts_in_their_last_round():
    ours, papers = trace(1, 0.1), trace(2, 0.3)
    scored("paper", {"paper": papers})
    scored("ours", {"elitist": ours})
    rows = found("paper", "ours")
    last = [frame[frame["round"] == 1] for frame in (ours, papers)]
    expected = scoring.gains(*last, bootstrap.weights(60, 200))
    assert set(rows["metric"]) == set(GAINED) and set(rows["round"]) == {1}
    assert set(rows["against"]) == {"search paper"} and set(rows["search"]) == {"elitist"}
    for row in rows.itertuples():
        want = expected[row.metric]
        assert (row.value, row.low, row.high, row.n) == pytest.approx(
            (want.value, want.low, want.high, want.n), abs=1e-4
        )


def test_of_three_searches_every_later_one_is_compared_with_every_earlier():
    for part, search in (("a", "paper"), ("b", "elitist-no-edits"), ("c", "elitist")):
        scored(part, {search: trace(ord(part), 0.2)})
    rows = found("a", "b", "c").query("metric == 'bleu'")
    assert rows[["part", "search", "against"]].to_numpy().tolist() == [
        ["b", "elitist-no-edits", "search paper"],
        ["c", "elitist", "search paper"],
        ["c", "elitist", "search elitist-no-edits"],
    ]


@pytest.mark.parametrize("other", [{"beam": 8}, {"perturbation": "int8"}, {"target_length": 8}])
def test_searches_of_different_settings_are_not_compared(other):
    scored("a", {"paper": trace(1, 0.3)})
    scored("b", {"elitist": trace(2, 0.1)}, **other)
    assert found("a", "b").empty


def test_searches_of_different_numbers_of_rounds_or_texts_are_not_compared():
    scored("a", {"paper": trace(1, 0.3)})
    scored("b", {"elitist": trace(2, 0.1, rounds=2)})
    scored("c", {"elitist-no-edits": trace(3, 0.1, n=40)})
    assert found("a", "b", "c").empty


def test_one_search_in_several_parts_is_not_compared_with_itself():
    for part in ("a", "b"):
        scored(part, {"elitist": trace(1, 0.3)})
    assert found("a", "b").empty


def test_of_unequal_numbers_of_resamples_the_fewest_count():
    ours, papers = trace(1, 0.1), trace(2, 0.3)
    scored("a", {"paper": papers}, resamples=150)
    scored("b", {"elitist": ours}, resamples=200)
    fewer = found("a", "b")
    scored("b", {"elitist": ours}, resamples=150)
    pd.testing.assert_frame_equal(fewer, found("a", "b"))


def test_imported_scores_have_no_resamples_and_are_left_out():
    scored("a", {"paper": trace(1, 0.3)})
    scored("b", {"elitist": trace(2, 0.1)})
    import_scores("s", "a", CELL)
    assert found("a", "b").empty
