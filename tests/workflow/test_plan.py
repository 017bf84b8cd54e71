"""What was planned of the study `tiny`, beside what its run did."""

import json
from collections import Counter

import pandas as pd
import pytest
from running import ROOT, Workflow

from textback.config import read_study, read_study_file
from textback.plan import disk, estimate
from textback.plan.jobs import STEPS, jobs
from textback.plan.throughput import find_machine

AWAY = find_machine("cpu", 1e14)


@pytest.fixture(scope="module")
def study(finished):
    return read_study(json.loads((finished.study / "config.json").read_text()))


@pytest.fixture
def before(study, tmp_path, monkeypatch):
    """The plan as it is before anything has run."""
    monkeypatch.chdir(tmp_path)
    return estimate.plan(study, AWAY)


@pytest.fixture(scope="module")
def costs(finished):
    return pd.read_csv(finished.study / "costs.csv").groupby("metric")["value"].sum()


def test_the_jobs_are_those_that_a_run_does(before, tmp_path):
    planned = Workflow(tmp_path / "empty").planned()
    assert {step.name: step.jobs for step in before.steps} == {
        name: planned[name] for name in STEPS if name in planned
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"inverters.toy.corrector.examples": 960},
        {"corpora.few-speeches.passages.test": 39, "evaluation.passages": 30},
        {"embedders.minilm.max_tokens": 200},
        {"evaluation.resamples": 50},
        {"lengths": [4, 5], "seeds": [0, 1]},
        {"device": "auto"},
    ],
)
def test_the_jobs_of_a_changed_study_are_those_that_a_run_does_again(
    finished, changed_config, monkeypatch, changes
):
    config = changed_config(**changes)
    monkeypatch.chdir(finished.folder)
    changed = read_study_file(ROOT / "config.yaml", config)
    planned = finished.planned(config=config)
    again = Counter(job.step for job in jobs(changed) if not job.finished)
    assert again == {name: planned[name] for name in STEPS if name in planned}


def test_operations_are_exact_and_queries_are_an_upper_bound(before, costs):
    assert sum(step.flops for step in before.steps) == costs["train_flops"]
    asked = costs["embedder_queries"]
    assert asked <= before.queries <= 2 * asked


def test_the_disk_is_within_a_factor_of_two(finished, study, monkeypatch):
    monkeypatch.chdir(finished.folder)
    results = finished.folder / "results"
    said = disk.by_kind(study, jobs(study))
    real = {
        "texts": _bytes(results, "corpora", "tokenizers", "passages"),
        "embeddings": _bytes(results, "embeddings"),
        "models": _bytes(results, "**/null_model", "**/hypothesizer", "**/corrector"),
        "hypotheses": _bytes(results, "**/hypotheses"),
        "inversions": _bytes(results, "**/inversions"),
        "tables and report": _bytes(results, "studies"),
    }
    for kind, size in real.items():
        assert 0.5 < said[kind] / size < 2, (kind, said[kind], size)


def _bytes(results, *patterns):
    files = {path for p in patterns for folder in results.glob(p) for path in folder.rglob("*")}
    return sum(path.stat().st_size for path in files if path.is_file())


def test_of_a_finished_study_nothing_is_left_and_nothing_is_needed(finished, study, monkeypatch):
    monkeypatch.chdir(finished.folder)
    found = estimate.plan(study, AWAY)
    assert all(step.finished == step.jobs for step in found.steps)
    assert (found.seconds, found.queries, found.needed, found.memory) == (0, 0, (), None)


def test_what_is_missing_ends_a_run_before_its_first_job(changed_config, tmp_path):
    """Of a tokenizer, whose job would be the second, and of a folder, which the graph needs."""
    far = {"kind": "pretrained", "model": "some/tokenizer"}
    config = changed_config(
        **{
            "tokenizers": {"far": far},
            "inverters.toy.tokenizer": "far",
            "corpora.few-speeches": {"kind": "files", "folder": "nowhere"},
        }
    )
    workflow = Workflow(tmp_path / "empty")
    done = workflow.run(config=config)
    assert done.returncode != 0
    (line,) = (line for line in done.stderr.splitlines() if "textback: error:" in line)
    assert "folder nowhere does not exist" in line and "some/tokenizer" in line
    assert not (workflow.folder / "results" / "corpora").exists()
