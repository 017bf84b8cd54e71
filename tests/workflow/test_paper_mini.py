"""The twin of the paper's study, from its texts to "paper against ours"."""

import json
import shutil

import pandas as pd
import pytest
from running import ROOT, Workflow

from textback.config import parts, read_study_file

TWIN = ROOT / "config" / "paper-mini.yaml"


@pytest.fixture(scope="module")
def study():
    return read_study_file(ROOT / "config.yaml", TWIN)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The twin, run once, in a folder with what it searches."""
    workflow = Workflow(tmp_path_factory.mktemp("paper"))
    shutil.copytree(ROOT / "resources", workflow.folder / "resources")
    done = workflow.run(config=TWIN)
    assert done.returncode == 0, done.stdout + done.stderr
    return workflow


@pytest.fixture(scope="module")
def folder(ran):
    return ran.folder / "results" / "studies" / "paper-mini"


@pytest.fixture(scope="module")
def published(folder):
    return pd.read_csv(folder / "published.csv", keep_default_na=False)


def test_every_figure_is_made(folder, study):
    for name in study.figures:
        assert (folder / "figures" / f"{name}.svg").read_text().startswith("<?xml")
        assert (folder / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")


def test_every_part_stands_beside_what_it_reruns_and_nothing_is_judged(published, study):
    assert set(published["part"]) == set(parts(study))
    assert set(published["verdict"]) == {"stand-in"}
    rerun = {entry.figure for part in parts(study).values() for entry in part.published}
    assert set(published["figure"]) == rerun


def test_every_row_of_a_cell_has_its_hours_and_device(published):
    of_cells = published[published["metric"] != "ndcg_at_10"]
    assert (of_cells["hours"].astype(float) > 0).all()
    assert (of_cells["device"] != "").all()
    assert (of_cells["n"] == 24).all() and (of_cells["seeds"] == 1).all()


def test_the_report_has_the_page_and_says_what_nobody_ran(folder, ran):
    assert "published.html" in (folder / "report.html").read_text()
    log = (ran.folder / "logs" / "published" / "paper-mini.log").read_text()
    assert "are left out" in log and "mimic of mimic-iii (12)" in log
    assert "are left out" in (folder / "published.html").read_text()


def test_without_feedback_the_hypothesizer_is_not_trained_again(ran):
    cells = ran.folder / "results" / "cells" / "speeches-1900s" / "minilm" / "len8" / "native"
    assert (cells / "mini" / "seed0" / "hypothesizer").exists()
    assert not (cells / "mini-no-feedback" / "seed0" / "hypothesizer").exists()
    assert (cells / "mini-no-feedback" / "seed0" / "corrector").exists()


def test_a_change_of_what_is_compared_trains_and_inverts_nothing_again(ran, tmp_path):
    import yaml

    config = yaml.safe_load(TWIN.read_text())
    config["parts"]["nq"]["published"] = config["parts"]["nq"]["published"][:2]
    (tmp_path / "changed.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    planned = ran.planned(config=tmp_path / "changed.yaml")
    assert planned["published"] == 1
    assert not {"hypothesizer", "corrector", "invert", "score", "table"} & set(planned)


def test_what_the_study_found_is_kept_with_its_configuration(folder):
    config = json.loads((folder / "config.json").read_text())
    assert config["parts"]["nq"]["published"][0]["figure"] == "table1"
