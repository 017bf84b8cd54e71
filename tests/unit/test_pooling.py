"""One interval for all seeds: it covers what it claims, and simpler ones do not."""

import numpy as np
import pandas as pd
import pytest
from finished_cells import import_scores

from textback import bootstrap
from textback.cells import cells_of
from textback.config import Part
from textback.errors import TextbackError
from textback.files import write_json
from textback.metrics import bleu_of, wilson
from textback.pooling import (
    POOLED_COLUMNS,
    pooled,
    pooled_interval,
    pooled_table,
    read_resamples,
    resamples_path,
    write_resamples,
)
from textback.scoring import without_resamples
from textback.table import cells_of_parts, score_path

TEXTS, RESAMPLES, TRUE = 100, 400, 0.5
STUDIES = 1500


def measured(rng, seeds, of_seeds=0.04, of_texts=0.4, of_both=0.1):
    """A cell of which all is known, (seeds, texts): seeds and texts have their own chance."""
    seed = rng.normal(0, of_seeds, (seeds, 1))
    text = rng.normal(0, of_texts, (1, TEXTS))
    return TRUE + seed + text + rng.normal(0, of_both, (seeds, TEXTS))


def covered(interval_of, seeds, **spread):
    """In how many of many studies the interval holds the true mean."""
    rng = np.random.default_rng(1)
    drawn = bootstrap.weights(TEXTS, RESAMPLES)
    hits = 0
    for _ in range(STUDIES):
        low, high = interval_of(measured(rng, seeds, **spread), drawn)
        hits += low <= TRUE <= high
    return hits / STUDIES


def hierarchical(values, drawn):
    found = pooled_interval("nll_bits", values.mean(1), values @ drawn.T / TEXTS, TEXTS)
    return found.low, found.high


def of_texts_alone(values, drawn):
    found = bootstrap.mean_interval(values.mean(0), drawn)
    return found.low, found.high


def covering(values, drawn):
    each = [bootstrap.mean_interval(row, drawn) for row in values]
    return min(one.low for one in each), max(one.high for one in each)


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("of_seeds", [0.02, 0.04, 0.2])
def test_the_interval_covers_the_true_mean_95_times_of_100(seeds, of_seeds):
    assert 0.93 <= covered(hierarchical, seeds, of_seeds=of_seeds) <= 0.985


def test_texts_alone_cover_too_little_where_seeds_differ():
    assert covered(of_texts_alone, 3, of_seeds=0.2) < 0.5


def test_an_interval_that_covers_every_seeds_own_is_wrong_both_ways():
    assert covered(covering, 3, of_seeds=1.0) < 0.85
    assert covered(covering, 10, of_seeds=0.04) > 0.99


def test_drawing_the_seeds_with_replacement_covers_too_little():
    def plain(values, drawn):
        rng = np.random.default_rng(0)
        resampled = values @ drawn.T / TEXTS
        at = rng.integers(len(values), size=(len(values), RESAMPLES))
        return np.percentile(resampled[at, np.arange(RESAMPLES)].mean(0), (2.5, 97.5))

    assert covered(plain, 3, of_seeds=0.2) < 0.88


def test_with_one_seed_it_is_the_interval_over_texts():
    values = measured(np.random.default_rng(0), 1)
    drawn = bootstrap.weights(TEXTS, RESAMPLES)
    assert hierarchical(values, drawn) == pytest.approx(of_texts_alone(values, drawn))


def test_exact_match_of_none_keeps_wilsons_interval_and_ends_stay_in_range():
    none = pooled_interval("exact_match", np.zeros(3), np.zeros((3, 50)), 100)
    assert (none.low, none.high) == (0, wilson(0, 100).high)
    apart = pooled_interval("bleu", np.array([60.0, 90.0]), np.full((2, 50), 75.0), 100)
    assert (apart.low, apart.high) == (0, 100)


def test_corpus_bleu_is_pooled_from_its_statistics_and_not_from_texts():
    rng = np.random.default_rng(0)
    totals = np.array([8, 8, 8, 7, 6, 5])  # lengths, and n-grams of each order
    statistics = [
        np.array(
            [
                [*totals[:2], *np.minimum(totals[2:], rng.integers(0, 8, 4)), *totals[2:]]
                for _ in range(50)
            ]
        )
        for _ in range(3)
    ]
    drawn = bootstrap.weights(50, 100)
    each = [bootstrap.bleu_interval(one, drawn) for one in statistics]
    found = pooled_interval(
        "bleu", np.array([one.value for one in each]), np.array([one.resampled for one in each]), 50
    )
    assert found.value == pytest.approx(np.mean([bleu_of(one.sum(0)) for one in statistics]))
    assert found.low < min(one.value for one in each) and found.high > found.value


def test_the_table_has_a_row_for_all_seeds_of_a_measurement():
    rows = [
        {
            "study": "s",
            "dim": dim,
            "seed": seed,
            "metric": "nll_bits",
            "value": dim + seed,
            "low": 0.0,
            "high": 9.0,
            "n": 7,
        }
        for dim in (16, 64)
        for seed in (0, 1, 2)
    ]
    table = pd.DataFrame(rows)
    found = pooled(table, np.repeat(table["value"].to_numpy()[:, None], 50, axis=1))
    assert set(found.columns) == {*table.columns, "seeds"} - {"seed"}
    assert found["value"].tolist() == [17, 65] and found["seeds"].tolist() == [3, 3]
    assert found["n"].tolist() == [7, 7]


def scored(cell, part, values, resamples=50):
    """The scores of a cell of a study, as its step writes them."""
    rows = [
        {"baseline": "", "round": 0, "beam": 1, "metric": metric, "value": value}
        | {"low": value - 1, "high": value + 1, "n": 9, "resampled": np.full(resamples, value)}
        | {"search": "", "perturbation": "none", "target_corpus": "c", "target_length": 4}
        for metric, value in values.items()
    ]
    rows, drawn = without_resamples(rows, resamples)
    path = score_path("s", part, cell)
    write_resamples(resamples_path(path), drawn)
    columns = cell.columns() | {"dim": 384}
    write_json(path, {"cell": columns, "rows": rows, "comparisons": []})


def test_cells_that_differ_in_their_seed_alone_are_pooled_whichever_part_has_them(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    axes = {"use_corpora": ["c"], "use_embedders": ["e"], "use_inverters": ["i"]}
    grid = Part(**axes, lengths=[4, 8], reductions=["native"], seeds=[0, 1])
    parts = {"grid": grid, "seeds": grid.model_copy(update={"lengths": [4], "seeds": [1, 2]})}
    for (name, part), resamples in zip(parts.items(), (50, 40), strict=True):
        for cell in cells_of(part):
            values = {"nll_bits": cell.length + cell.seed, "bleu": 50.0}
            scored(cell, name, values, resamples)
    found = pooled_table("s", cells_of_parts(parts))
    assert list(found.columns) == POOLED_COLUMNS
    bits = found[found["metric"] == "nll_bits"]
    assert bits[["part", "length", "value", "seeds", "n"]].to_numpy().tolist() == [
        ["grid", 4, 5.0, 3, 9],
        ["grid", 8, 8.5, 2, 9],
    ]
    same = found[found["metric"] == "bleu"]
    assert (same["low"] == 50).all() and (same["high"] == 50).all()


def test_an_imported_seed_is_as_likely_above_its_value_as_below(tmp_path, monkeypatch):
    """However few resamples the seeds have that are pooled with it."""
    monkeypatch.chdir(tmp_path)
    axes = {"use_corpora": ["c"], "use_embedders": ["e"], "use_inverters": ["i"]}
    part = Part(**axes, lengths=[4], reductions=["native"], seeds=[0, 1])
    for cell in cells_of(part):
        scored(cell, "main", {"nll_bits": 50.0}, resamples=40)
    import_scores("s", "main", cell)
    (found,) = pooled_table("s", cells_of_parts({"main": part})).itertuples()
    assert (found.value, found.seeds) == (50, 2)
    assert found.high - 50 == pytest.approx(50 - found.low, rel=1e-4) and found.high > 50.4


@pytest.mark.parametrize("metric", ["name_recall", "unrecovered_fraction", "nll_bits"])
def test_an_interval_of_few_seeds_holds_no_value_that_cannot_be(metric):
    found = pooled_interval(metric, np.array([0.01, 0.4]), np.full((2, 99), 0.2), 100)
    assert found.low == 0 and found.high > 0.9
    assert found.high == 1.0 or "recall" not in metric


def test_measurements_of_other_numbers_of_texts_are_not_pooled():
    row = {"part": "a", "metric": "bleu", "value": 50.0, "low": 40.0, "high": 60.0}
    table = pd.DataFrame([row | {"seed": 0, "n": 500}, row | {"seed": 1, "n": 100}])
    found = pooled(table, np.full((2, 20), 50.0))
    assert found[["n", "seeds"]].to_numpy().tolist() == [[500, 1], [100, 1]]


def test_missing_resamples_are_named_in_one_line(tmp_path):
    with pytest.raises(TextbackError, match=r"none.safetensors: cannot be read"):
        read_resamples(tmp_path / "none.safetensors")
