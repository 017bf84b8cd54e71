"""A study that draws the law: its fits are a step of their own, and only of such a study."""

import json

import pandas as pd
import pytest
from conftest import Workflow
from law_tables import made_up, truth
from test_law_figure import study

GRID = {"reductions": ["pca"], "lengths": [4, 8, 16, 32], "dimensions": [16, 32, 64]}


@pytest.fixture
def workflow(tmp_path):
    return Workflow(tmp_path / "working")


def test_fits_are_planned_only_for_a_study_that_draws_the_law(workflow, changed_config):
    workflow.folder.mkdir()
    law = workflow.planned(config=changed_config(figures=["law"], **GRID))
    assert law["fits"] == law["figure"] == 1
    assert "fits" not in workflow.planned(config=changed_config(figures=["by_length"], **GRID))


def test_tables_become_fits_and_a_figure(workflow, changed_config):
    axes = {"lengths": GRID["lengths"], "dimensions": GRID["dimensions"]}
    workflow.study.mkdir(parents=True)
    study(workflow.study, made_up("logistic", truth("logistic"), seed=0, seeds=1, **axes))
    table = pd.read_csv(workflow.study / "table.csv")
    table.head(1).to_csv(workflow.study / "comparisons.csv")
    table.head(1).assign(seeds=1).to_csv(workflow.study / "pooled.csv")
    table.head(1).assign(text=0).to_parquet(workflow.study / "texts.parquet")
    config = changed_config(figures=["law"], **GRID)
    figure = workflow.study / "figures" / "law.svg"
    target = str(figure.relative_to(workflow.folder))
    done = workflow.run(target, "--allowed-rules", "fits", "figure", config=config)
    assert done.returncode == 0, done.stdout + done.stderr
    fits = json.loads((workflow.study / "fits.json").read_text())
    assert fits["cells"] == {"fitted": 6, "held_out": 6}
    assert fits["verdict"] in (workflow.folder / "logs" / "fits" / "tiny.log").read_text()
    assert figure.read_text().startswith("<?xml")


def test_too_small_a_grid_for_the_law_ends_before_anything_runs(workflow, changed_config):
    workflow.folder.mkdir()
    config = changed_config(figures=["law"], **GRID | {"lengths": [4, 8, 16]})
    done = workflow.run("--dry-run", config=config)
    lines = [line for line in done.stderr.splitlines() if "textback: error" in line]
    assert done.returncode != 0
    assert len(lines) == 1 and "needs 6 cells" in lines[0] and "leave 4" in lines[0]
