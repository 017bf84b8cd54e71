"""Published numbers beside a study's own: which are paired, in which units, with which verdict."""

import csv
from pathlib import Path

import pandas as pd
import pytest
from paper_tables import RETRIEVAL_SETS, entries, measured, pairs, pooled, searched

from textback.config.published import Published, StandIn, check_published
from textback.errors import TextbackError
from textback.files import read_csv
from textback.published.costs import with_costs
from textback.published.page import published_page
from textback.published.pairs import (
    BEIR,
    left_out,
    left_out_line,
    pair,
    read_pairs,
    verdicts,
)
from textback.published.values import FILE, converted, listed
from textback.retrieval.means import mean_over_sets
from textback.table import COST_COLUMNS, write_csv

OWNERS = {"paper": "paper", "no-feedback": "paper"}
NO_COSTS = pd.DataFrame(columns=COST_COLUMNS)
ROUNDS = dict.fromkeys(entries(), 50)  # of each part


@pytest.fixture(scope="module")
def values():
    return converted()


@pytest.fixture(scope="module")
def found():
    return pairs()


def one(values, table, entry, part="nq"):
    """The pairs of one entry."""
    return pair(
        values, table, pooled(table), searched(), {part: [Published(**entry)]}, {part: ["scifact"]}
    )


def test_every_published_number_is_read_and_percents_become_shares(values):
    with open(FILE) as file:
        rows = list(csv.DictReader(file))
    assert len(values) == len(rows)
    exact = values.query("figure == 'beam_grid' and method == 'sbeam-cosine' and steps == 50")
    assert exact["published"].tolist() == [0.92] and exact["metric"].tolist() == ["exact_match"]
    shares = values[values["metric"].isin(["exact_match", "token_f1_set", "cosine"])]
    assert shares["published"].between(0, 1).all()


def test_bleu_is_paired_with_the_mean_of_sentences_and_token_f1_with_that_of_sets(values):
    assert {"bleu_sentence", "token_f1_set"} <= set(values["metric"])
    assert not {"bleu", "token_f1"} & set(values["metric"])


def test_every_published_figure_is_explained():
    page = (FILE.parent / "README.md").read_text()
    for figure in listed()["figure"].unique():
        assert f"| `{figure}` |" in page


def test_rounding_is_half_of_the_last_digit_that_a_source_gives(values):
    table1 = values.query("figure == 'table1'").groupby("metric")["rounding"].first()
    assert table1["bleu_sentence"] == pytest.approx(0.05)
    assert table1["cosine"] == pytest.approx(0.005)
    assert table1["token_f1_set"] == pytest.approx(0.005)  # whole percents


def test_a_number_stands_beside_the_row_of_its_round_beam_noise_and_metric(found, values):
    bleu = found.query(
        "figure == 'table1' and method == 'corrector' and steps == 50 and published_beam == 8 "
        "and metric == 'bleu_sentence'"
    )
    assert bleu["published"].tolist() == [97.3]
    assert bleu["round"].tolist() == [50] and bleu["beam"].tolist() == [8]
    assert bleu["value"].item() == pytest.approx(80) and bleu["seeds"].item() == 2
    assert bleu["n"].item() == 500 and bleu["difference"].item() == pytest.approx(80 - 97.3)
    noisy = found.query("figure == 'defence_noise' and metric == 'exact_match'")
    assert dict(zip(noisy["noise"], noisy["perturbation"], strict=True)) == {
        0.0: "none",
        0.001: "gaussian:0.001",
        0.01: "gaussian:0.01",
        0.1: "gaussian:0.1",
    }


@pytest.mark.parametrize(
    "changes", [{"embedder": "minilm"}, {"target_corpus": "wiki"}, {"target_length": 8}]
)
def test_another_setting_is_never_paired_unasked_and_never_judged(values, changes):
    table = measured().query("part == 'nq'").assign(**changes)
    entry = {"figure": "table1", "dataset": "nq", "method": "corrector"}
    assert one(values, table, entry).empty
    shown = one(values, table, entry | {"stand_in": {}})
    assert len(shown) and set(shown["verdict"]) == {"stand-in"}


def test_rows_that_stand_in_and_are_the_setting_itself_are_judged(values):
    table = measured().query("part == 'nq'")
    entry = {"figure": "table1", "dataset": "nq", "method": "corrector", "stand_in": {}}
    assert set(one(values, table, entry)["verdict"]) == {"differs"}
    pinned = one(values, table, entry | {"steps": 50, "stand_in": {"round": 20}})
    assert set(pinned["verdict"]) == {"stand-in"} and set(pinned["round"]) == {20}


def test_a_first_guess_stands_there_once_whatever_the_beam_of_its_correction(values):
    table = measured().query("part == 'nq'")
    entry = {"figure": "table1", "dataset": "nq", "method": "hypothesizer"}
    both, wide = (one(values, of, entry) for of in (table, table.query("beam == 8")))
    assert both["beam"].tolist() == [1] * 4 and wide["beam"].tolist() == [8] * 4
    searched_for = table.query("beam == 8").assign(search="paper-from-beam")
    assert one(values, searched_for, entry).empty
    beam = entry | {"method": "hypothesizer+beam"}
    assert one(values, searched_for, beam)["beam"].tolist() == [8] * 4


def test_a_corpus_of_beir_may_be_named_so(values):
    table = measured().query("part == 'nq'")
    table = table.assign(embedder="text-embedding-ada-002", target_length=128)
    entry = {"figure": "beir", "dataset": "nq", "method": "corrector"}
    for name in ("nq", "beir-nq"):
        assert len(one(values, table.assign(target_corpus=name), entry)) == 1


def test_retrieval_is_judged_only_over_all_tasks_of_beir(values):
    entry = {"figure": "defence_noise", "dataset": "beir-mean"}
    table = measured()
    assert one(values, table, entry).empty
    stand_in = one(values, table, entry | {"stand_in": {}})
    assert len(stand_in) == 4 and set(stand_in["verdict"]) == {"stand-in"}
    sets = list(BEIR)
    quality = pd.concat([searched().assign(retrieval_set=name) for name in sets])
    judged = pair(values, table, pooled(table), quality, {"nq": [Published(**entry)]}, {"nq": sets})
    assert len(judged) == 4 and "stand-in" not in set(judged["verdict"])
    width = (judged["high"] - judged["low"]).iloc[0]
    assert width == pytest.approx(0.04 / len(sets) ** 0.5)


def test_a_part_is_compared_by_its_own_rows_where_another_inverted_fewer_of_the_same_texts(values):
    few = measured().query("part == 'nq'")
    many = few.assign(part="length-mismatch", n=1000, value=few["value"] / 2)
    table = pd.concat([few, many])
    both = pd.concat([pooled(few), pooled(many)])
    entry = Published(figure="length_mismatch", max_tokens=32)
    found = pair(
        values, table, both, searched(), {"length-mismatch": [entry]}, {"length-mismatch": []}
    )
    assert set(found["n"]) == {1000} and not found.empty
    exact = found.query("metric == 'exact_match'")["value"].item()
    assert exact == pytest.approx(0.8 * 0.9 / 2)


def test_a_set_that_two_parts_search_counts_once_in_the_mean_over_sets():
    twice = pd.concat([searched().assign(part=part) for part in ("nq", "noise")])
    pd.testing.assert_frame_equal(mean_over_sets(twice), mean_over_sets(searched()))


def test_all_perturbations_are_judged_on_the_same_sets():
    other = searched().query("perturbation == 'none'").assign(retrieval_set="nfcorpus", value=0.9)
    means = mean_over_sets(pd.concat([searched(), other]))
    pd.testing.assert_frame_equal(means, mean_over_sets(searched()))
    half = searched().assign(retrieval_set="nfcorpus", value=lambda table: table["value"] / 2)
    means = mean_over_sets(pd.concat([searched(), half]))
    assert means["value"].tolist() == pytest.approx((0.75 * searched()["value"]).tolist())


@pytest.mark.parametrize(
    ("published", "n", "verdict"),
    [
        (0.53, None, "agrees"),  # inside
        (0.55, None, "differs"),  # outside by 0.01
        (0.5405, None, "agrees"),  # outside by less than its rounding
        (0.55, 500, "agrees"),  # over as many texts: 1.41 times as far
        (0.57, 500, "differs"),
        (0.45, None, "differs"),  # and below as above
        (0.45, 500, "agrees"),
        (0.43, 500, "differs"),
        (0.57, 125, "agrees"),  # over a quarter of the texts: √5 times as far
    ],
)
def test_a_number_agrees_inside_our_interval_widened_by_its_own_error(published, n, verdict):
    row = {"value": 0.5, "low": 0.46, "high": 0.54, "n": 500, "rounding": 0.0005}
    frame = pd.DataFrame([row | {"published": published, "published_n": n}])
    assert verdicts(frame).tolist() == [verdict]


def test_what_nobody_ran_is_left_out_counted_and_named(found, values):
    counts = left_out(values, found)
    keys = ["figure", "dataset", "published_embedder", "max_tokens", "method", "steps"]
    keys += ["published_beam", "noise", "metric", "source"]
    paired = len(found[keys].drop_duplicates())
    assert sum(counts.values()) == len(values) - paired
    line = left_out_line(counts)
    assert "mimic of mimic-iii (12)" in line and "\n" not in line
    assert not set(found["figure"]) & {"mimic", "reproductions", "rounds_by_dataset"}


def test_a_study_that_reran_everything_leaves_nothing_out(values):
    assert left_out_line({}) == ""


def test_a_part_that_reran_nothing_has_an_empty_table_and_a_page(values):
    table = measured().assign(embedder="minilm")
    parts = entries() | {"out-of-domain": []}
    empty = pair(
        values, table, pooled(table), searched(), parts, {name: [] for name in RETRIEVAL_SETS}
    )
    assert empty.query("verdict != 'stand-in'").empty
    nothing = with_costs(empty.head(0), NO_COSTS, {}, {})
    assert "0 comparisons" in published_page(nothing, "all is left out")


def test_costs_are_those_of_the_cells_embedding_training_and_inversions(found, tmp_path):
    texts = {"corpus": "nq", "embedder": "gtr-base", "length": 32}
    own = {**texts, "reduction": "native", "dim": 768, "inverter": "paper", "seed": 0}
    target = {"target_corpus": "nq", "target_length": 32}
    inversion = {**own, **target, "search": "paper", "perturbation": "none", "beam": 8}
    inversion |= {"rounds": 50}
    hour = {"metric": "train_seconds", "value": 3600, "device": "H100"}
    rows = [
        {**texts, "step": "embed"},
        {**texts, "step": "embed", "target_corpus": "speeches", "target_length": 32},
        {**own, "step": "hypothesizer"},
        {**own, "step": "corrector"},
        {**own, "step": "corrector", "seed": 1},
        {**own, "step": "null_model"},
        {**own, "step": "corrector", "inverter": "no-feedback"},
        {**inversion, "step": "invert", "metric": "invert_seconds"},
        {**inversion, "step": "invert", "metric": "paid_dollars", "value": 2},
        {**inversion, "step": "invert", "search": "paper-likelihood"},
        {**inversion, "step": "invert", "rounds": 5},
        {"step": "retrieval", "corpus": "scifact", "embedder": "gtr-base"},
    ]
    write_csv(tmp_path / "costs.csv", pd.DataFrame([hour | row for row in rows]))
    costed = with_costs(found, read_csv(tmp_path / "costs.csv"), OWNERS, ROUNDS)
    main = costed.query("figure == 'table1'").drop_duplicates("beam").set_index("beam")
    assert main.loc[8, "hours"] == 5 and main.loc[1, "hours"] == 4
    assert main.loc[8, "dollars"] == 2 and main.loc[8, "device"] == "H100"
    other = costed.query("inverter == 'no-feedback'")["hours"].unique()
    assert other.tolist() == [3]  # the embeddings, the hypothesizer it shares, its corrector


def test_pairs_are_read_as_they_were_written(found, tmp_path):
    write_csv(tmp_path / "published.csv", found)
    read = read_pairs(tmp_path / "published.csv")
    same = ["round", "beam", "published", "value", "target_length", "published_n"]
    pd.testing.assert_frame_equal(read[same], found[same], check_dtype=False)


def test_the_page_has_every_published_figure_and_tells_what_was_left_out(found):
    page = published_page(with_costs(found, NO_COSTS, OWNERS, ROUNDS), "9 left")
    for figure in found["figure"].unique():
        assert f"<h2>{figure.replace('_', ' ')}</h2>" in page
    assert f"{len(found)} comparisons" in page and "9 left" in page


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"figure": "table11"}, "unknown published figure 'table11': did you mean 'table1'"),
        ({"figure": "beam_grid", "method": "gready"}, "unknown published method 'gready': did you"),
        ({"figure": "beir", "dataset": "qora"}, "did you mean 'quora'"),
        ({"figure": "beir", "embedder": "gtr-base"}, "unknown published embedder 'gtr-base'"),
        ({"figure": "table1", "max_tokens": 64}, "unknown published max_tokens '64'"),
        ({"figure": "defence_noise", "noise": 0.5}, "published noise 0.5"),
    ],
)
def test_a_setting_that_nobody_published_is_one_line(entry, message):
    with pytest.raises(TextbackError, match=message) as error:
        check_published("part 'nq'", Published(**entry))
    assert "\n" not in str(error.value)


def test_a_checkout_without_the_numbers_is_told_where_they_come_from(monkeypatch):
    monkeypatch.setattr("textback.published.values.FILE", Path("gone.csv"))
    listed.cache_clear()
    with pytest.raises(TextbackError, match="come with a checkout"):
        listed()
    listed.cache_clear()


def test_rows_that_stand_in_are_picked_by_columns_there_are():
    assert set(StandIn.model_fields) <= {*measured().columns}
