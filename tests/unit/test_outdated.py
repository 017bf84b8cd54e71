"""Which results are of another configuration: those made so, and all that rests on them."""

from functools import partial

import finished_cells
import pytest

from textback import specs
from textback.cells import embeddings_folder, grid
from textback.outdated import outdated
from textback.plan.jobs import jobs
from textback.products import products
from textback.table import own_score_path


@pytest.fixture
def make_study(config, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return partial(finished_cells.study_of, config)


@pytest.fixture
def study(make_study):
    """A study whose cells are finished here, with Snakemake's records of them."""
    study = make_study()
    for cell in grid(study):
        finished_cells.make(study, cell)
        for product in products(study, "main", cell):
            finished_cells.record(product.made, product.spec)
    return study


def scores(study, cell):
    return own_score_path(study.study, "main", cell)


def test_of_what_was_made_as_the_study_says_nothing_is_outdated(study):
    assert outdated(study) == set()


def test_results_without_a_record_count_as_of_the_study_at_hand(make_study):
    study = make_study()
    for cell in grid(study):
        finished_cells.make(study, cell)
    assert outdated(study) == set()


def test_what_rests_on_an_outdated_product_is_outdated_too_and_nothing_else(study):
    first, second = grid(study)
    spec = specs.training(study, first.inverter, "hypothesizer", first.seed)
    finished_cells.record(first.folder / "hypothesizer" / "costs.json", spec | {"recipe": 1})
    old = outdated(study)
    for step in ("hypothesizer", "hypotheses", "corrector"):
        assert first.folder / step / "costs.json" in old
    traces = {path for path in old if path.name == "trace.parquet"}
    assert traces == set(first.folder.rglob("trace.parquet"))
    assert scores(study, first) in old
    assert first.null_model / "null_model" / "costs.json" not in old
    assert embeddings_folder(first.corpus, "bpe-2k", 4, first.embedder) / "costs.json" not in old
    assert not any(path.is_relative_to(second.folder) for path in old)
    assert scores(study, second) not in old


def test_a_changed_evaluation_makes_its_scores_alone_outdated(study, make_study):
    old = outdated(make_study(evaluation=study.evaluation.model_dump() | {"resamples": 7}))
    cells = {path for path in old if "cells" in path.parts}
    assert cells == set() and {scores(study, cell) for cell in grid(study)} <= old


def test_a_record_that_is_being_written_tells_nothing(study, tmp_path):
    for record in (tmp_path / ".snakemake" / "metadata").rglob("*"):
        if record.is_file():
            record.write_text(record.read_text()[:20])
    assert outdated(study) == set()


def test_a_plan_does_outdated_jobs_again(study, config, make_study):
    assert {job.finished for job in jobs(study) if job.step == "corrector"} == {True}
    config["inverters"]["nano"]["corrector"]["examples"] = 1000
    found = {step: set() for step in ("hypothesizer", "corrector", "invert", "score")}
    for job in jobs(make_study()):
        found.setdefault(job.step, set()).add(job.finished)
    assert found["hypothesizer"] == {True}
    assert found["corrector"] == found["invert"] == found["score"] == {False}
