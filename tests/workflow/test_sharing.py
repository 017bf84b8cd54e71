"""Cells that were finished elsewhere: the workflow gathers them, and trains only what is missing."""

import pytest
from running import ROOT, TINY, Workflow

GATHERING = {
    *("table", "word_errors", "costs", "study_config"),
    *("figure", "example", "pages", "report", "all"),
}
CONFIG = ["--config", str(ROOT / "config.yaml"), "--config", str(TINY)]


@pytest.fixture(scope="module")
def archive(finished, tmp_path_factory):
    path = tmp_path_factory.mktemp("archive") / "tiny.tar.gz"
    done = finished.textback("export", str(path), *CONFIG)
    assert done.returncode == 0, done.stderr
    assert path.stat().st_size < 1e5
    return path


@pytest.fixture(scope="module")
def gathered(archive, tmp_path_factory) -> Workflow:
    """The study in another folder, from the archive alone."""
    workflow = Workflow(tmp_path_factory.mktemp("gathered"))
    done = workflow.textback("import", str(archive), *CONFIG)
    assert done.returncode == 0, done.stderr
    assert set(workflow.planned()) <= GATHERING
    done = workflow.run()
    assert done.returncode == 0, done.stdout + done.stderr
    return workflow


def test_an_imported_study_has_the_same_table_and_figures_and_trains_nothing(finished, gathered):
    assert not list(gathered.folder.rglob("*.safetensors"))
    drawn = sorted(finished.study.glob("figures/*.svg"))
    for path in [finished.study / "table.csv", finished.study / "comparisons.csv", *drawn]:
        same = gathered.study / path.relative_to(finished.study)
        assert same.read_bytes() == path.read_bytes(), path.name
    assert (gathered.study / "report.html").exists()


def test_an_imported_study_plans_nothing_when_it_is_gathered(gathered):
    assert gathered.planned() == {}


def test_a_study_that_changed_since_its_import_ends_in_one_line(gathered, changed_config):
    done = gathered.run(config=changed_config(**{"evaluation.resamples": 50}))
    lines = [line for line in done.stderr.splitlines() if "textback: error" in line]
    assert done.returncode != 0 and len(lines) == 1
    assert "results/imported/tiny" in lines[0] and "resamples" in lines[0]


def test_what_is_missing_is_trained_here_and_what_was_imported_is_not(gathered, changed_config):
    config = changed_config(reductions=["native", "pca"], dimensions=[16])
    planned = gathered.planned(config=config)
    for rule in ("embed", "null_model", "hypothesizer", "corrector", "invert", "score"):
        assert planned[rule] == 1, rule
    done = gathered.run(config=config)
    assert done.returncode == 0, done.stdout + done.stderr
    trained = gathered.folder.glob("results/cells/few-speeches/minilm/len4/*")
    assert [path.name for path in trained] == ["pca16"]
    assert gathered.planned(config=config) == {}
