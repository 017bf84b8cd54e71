"""What a person asks of a study: how far it is, its partial tables, its texts, its figures again."""

import shutil
import subprocess

import pandas as pd
import pytest
from running import ROOT, TINY, environment

CELL = "few-speeches/minilm/len4/native/toy/seed0"


@pytest.fixture
def without_torch(tmp_path):
    """An environment in which importing torch fails."""
    (tmp_path / "barred").mkdir()
    (tmp_path / "barred" / "torch.py").write_text("raise ImportError('torch is barred')\n")
    return environment() | {"PYTHONPATH": f"{tmp_path / 'barred'}:{ROOT / 'src'}"}


def configured(config):
    """The options that name a configuration, read over the default one."""
    return "--config", str(ROOT / "config.yaml"), "--config", str(config)


def run(folder, env, *command):
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


def test_the_status_of_a_finished_study_has_every_step_done(finished):
    done = finished.textback("status", "--config", str(finished.study / "config.json"))
    assert done.returncode == 0, done.stderr
    rows = {line[:14].strip(): line.split()[-2:] for line in done.stdout.splitlines()[2:-1]}
    assert {"corpus", "embeddings", "corrector", "inversions", "scores", "report"} <= set(rows)
    assert all(number == of for number, of in rows.values()), rows
    assert done.stdout.splitlines()[-1] == "Every cell has its scores."


def test_an_unfinished_study_says_which_cells_are_missing_and_what_they_wait_for(
    copied, changed_config
):
    config = changed_config(lengths=[4, 5])
    shutil.rmtree(next(copied.folder.glob("results/cells/**/corrector")))
    next(copied.study.glob("scores/**/seed0.json")).unlink()
    done = copied.textback("status", *configured(config))
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["scores", "0", "2"] in lines and ["corrector", "0", "2"] in lines
    assert ["hypothesizer", "1", "2"] in lines and ["corpus", "1", "1"] in lines
    assert ["main", CELL, "corrector"] in lines
    assert ["main", CELL.replace("len4", "len5"), "passages"] in lines


def test_what_a_changed_configuration_makes_anew_counts_as_missing(finished, changed_config):
    config = changed_config(**{"inverters.toy.corrector.examples": 960})
    done = finished.textback("status", *configured(config))
    lines = [line.split() for line in done.stdout.splitlines()]
    for step in ("corrector", "inversions", "scores", "table", "report"):
        assert [step, "0", "1"] in lines, step
    assert ["hypothesizer", "1", "1"] in lines and ["hypotheses", "1", "1"] in lines
    assert ["main", CELL, "corrector,", "outdated"] in lines
    assert "Outdated, since the configuration or the recipe changed: corrector 1" in done.stdout
    for command, said in (
        (("table", "--partial"), "of its 1 cell none has scores of this configuration yet"),
        (("show", "len4"), "no text of its cells is inverted yet in this configuration"),
    ):
        done = finished.textback(*command, *configured(config))
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
        assert said in done.stderr


def test_partial_tables_are_gathered_and_drawn_and_the_workflow_goes_on_from_them(
    copied, changed_config
):
    config = changed_config(lengths=[4, 5])
    partial = copied.study / "partial"
    for name in ("table.csv", "pooled.csv", "comparisons.csv", "texts.parquet", "costs.csv"):
        (copied.study / name).unlink()
    before = copied.planned(config=config)
    done = copied.textback("table", "--partial", *configured(config))
    assert done.returncode == 0, done.stderr
    assert "of 1 cell\n" in done.stderr and "missing: 1 cell," in done.stderr
    missing = pd.read_csv(partial / "missing.csv")
    assert missing[["part", "length", "dim"]].values.tolist() == [["main", 5, 384]]

    assert copied.textback("figures", "--study", str(partial)).returncode == 0
    assert copied.textback("pages", "--study", str(partial)).returncode == 0
    assert "Unfinished: no scores yet of 1 cell<" in (partial / "overview.html").read_text()
    assert copied.planned(config=config) == before
    assert before["table"] == 1 and before["score"] == 1

    done = copied.textback("table", "--partial", *configured(TINY))
    assert "missing" not in done.stderr and not (partial / "missing.csv").exists()


def test_partial_tables_stand_beside_what_is_published_too(copied, changed_config):
    entry = {"figure": "table1", "dataset": "nq", "method": "hypothesizer", "stand_in": {}}
    config = changed_config(lengths=[4, 5], published=[entry])
    done = copied.textback("table", "--partial", *configured(config))
    assert done.returncode == 0, done.stderr
    partial = copied.study / "partial"
    assert set(pd.read_csv(partial / "published.csv")["length"]) == {4}
    assert "are left out" in (partial / "published.html").read_text()


def test_partial_tables_of_nothing_are_one_line(copied):
    shutil.rmtree(copied.study / "scores")
    done = copied.textback("table", "--partial", *configured(TINY))
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "of its 1 cell none has scores of this configuration yet" in done.stderr


def test_the_same_texts_are_shown_of_traces_and_of_tables(finished):
    of_table = finished.textback("show", CELL, "--study", str(finished.study))
    of_traces = finished.textback("show", "len4", *configured(TINY))
    assert of_table.returncode == 0, of_table.stderr
    assert of_table.stdout == of_traces.stdout
    for word in (CELL, "worst", "median", "best", "target"):
        assert word in of_table.stdout


def test_a_cell_that_is_not_inverted_yet_is_one_line(finished, changed_config):
    done = finished.textback("show", "len5", *configured(changed_config(lengths=[4, 5])))
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    unfinished = CELL.replace("len4", "len5")
    assert f"cell {unfinished}: no text of it is inverted yet" in done.stderr


def test_an_unknown_cell_is_one_line_with_the_nearest(finished):
    done = finished.textback("show", CELL.replace("toy", "toi"), "--study", str(finished.study))
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert f"did you mean '{CELL}'?" in done.stderr


def test_figures_redraw_from_committed_tables_without_torch(finished, tmp_path, without_torch):
    folder = tmp_path / "committed"
    folder.mkdir()
    for path in (*finished.study.glob("*.csv"), finished.study / "texts.parquet"):
        shutil.copy(path, folder)
    # `setup` is taken as done: it would install this very environment.
    made = run(ROOT, without_torch, "make", "--old-file=setup", "figures", f"STUDY={folder}")
    assert made.returncode == 0, made.stderr + made.stdout
    for path in (finished.study / "figures").glob("*.svg"):
        assert (folder / "figures" / path.name).read_bytes() == path.read_bytes()
    assert (folder / "figures" / "worked_example.txt").exists()
    missing = run(ROOT, without_torch, "make", "--old-file=setup", "figures")
    assert missing.returncode != 0 and "say which study" in missing.stderr


def test_reading_a_study_needs_no_torch(finished, without_torch):
    study, config = str(finished.study), str(finished.study / "config.json")
    for command in (
        ("status", "--config", config),
        ("show", "--config", config),
        ("show", "--study", study),
    ):
        done = run(finished.folder, without_torch, "textback", *command)
        assert done.returncode == 0, done.stderr


def test_the_report_says_with_which_command_it_was_made(finished):
    command = (finished.study / "command.txt").read_text()
    assert command.startswith("snakemake ") and f"--configfile {TINY}" in command
    assert command.split("--configfile")[0].strip() in (finished.study / "costs.html").read_text()


def test_the_first_page_has_three_of_the_figures(finished):
    page = (finished.study / "overview.html").read_text()
    assert page.count("<svg") == 3 and "What was found" in page


def test_a_step_that_failed_says_why_at_the_end(copied, changed_config):
    folder = copied.folder / "texts"
    folder.mkdir()
    for i in range(3):
        (folder / f"{i}.txt").write_text(f"a few words {i}")
    entry = {"kind": "files", "folder": str(folder)}
    config = changed_config(**{"corpora.own": entry, "use_corpora": ["own"]})
    done = copied.run(config=config)
    said = [line for line in done.stderr.splitlines() if line.startswith("failed: ")]
    assert done.returncode != 0 and len(said) == 1
    assert "passages/own/bpe-2k/len4.log: textback: error: length 4: only" in said[0]
    assert said[0] in done.stderr.splitlines()[-6:]
    assert "once that is mended, the same command goes on from there" in done.stderr
