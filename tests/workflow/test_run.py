"""What a run makes: tables, figures, report; and that it makes the same again."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from running import ROOT, environment

from textback import interactive
from textback.cli import main
from textback.config import read_study
from textback.errors import TextbackError
from textback.inverter.search.comparison import RECOVERED
from textback.words import words_of

FIGURES = (
    "by_round",
    "by_length",
    "recovered_bits",
    "entity_recall",
    "errors_by_frequency",
    "cosine_bleu",
    "worked_example",
)
RECALLS = ("word_recall", "name_recall", "number_recall", "rare_word_recall")
COLUMNS = [
    "schema",
    "study",
    "part",
    "corpus",
    "embedder",
    "length",
    "reduction",
    "dim",
    "inverter",
    "seed",
    "target_corpus",
    "target_length",
    "search",
    "baseline",
    "perturbation",
    "round",
    "beam",
    "metric",
    "value",
    "low",
    "high",
    "n",
]
METRICS = [
    "bleu",
    "bleu_sentence",
    "exact_match",
    "token_f1",
    "token_f1_set",
    "rouge_l",
    "edit_similarity",
    "cosine",
    "cosine_null",
    "nll_bits",
    "null_nll_bits",
    "recovered_bits",
    "unrecovered_fraction",
]


@pytest.fixture(scope="module")
def table(finished):
    return pd.read_csv(finished.study / "table.csv", keep_default_na=False)


def test_the_table_has_its_columns_and_every_metric(table):
    assert list(table.columns) == COLUMNS
    assert set(METRICS) <= set(table["metric"])


def test_every_measurement_stands_once_and_inside_its_interval(table):
    key = [column for column in COLUMNS if column not in ("value", "low", "high", "n")]
    assert not table.duplicated(key).any()
    assert (table["low"] <= table["value"] + 1e-9).all()
    assert (table["value"] <= table["high"] + 1e-9).all()
    some = ("explained_variance", "name_recall", "number_recall", "rare_word_recall")
    assert (table.loc[~table["metric"].isin(some), "n"] == 40).all()


def test_the_table_has_inverter_null_and_nearest_passage(table):
    assert set(table["baseline"]) == {"", "shuffled", "nearest"}
    assert set(table.loc[table["baseline"] == "", "round"]) == {0, 1, 2}


def test_the_pooled_table_of_one_seed_is_the_table(finished, table):
    pooled = pd.read_csv(finished.study / "pooled.csv", keep_default_na=False)
    assert list(pooled.columns) == [c for c in COLUMNS if c != "seed"] + ["seeds"]
    assert (pooled["seeds"] == 1).all()
    assert pooled["value"].to_numpy() == pytest.approx(table["value"].to_numpy())
    for end in ("low", "high"):
        assert pooled[end].to_numpy() == pytest.approx(table[end].to_numpy(), abs=1e-4)


def test_names_and_rare_words_are_recalled_by_inverter_and_baselines(finished, table):
    recalls = table[table["metric"].isin(RECALLS)]
    assert recalls.groupby("metric")["n"].nunique().eq(1).all()
    assert set(recalls.query("metric == 'name_recall'")["baseline"]) == {"", "shuffled", "nearest"}
    assert (recalls.set_index("metric").loc["name_recall", "n"] < 40).all()
    words = pd.read_parquet(finished.folder / "results/corpora/few-speeches/words.parquet")
    names = set(words.loc[words["is_name"], "word"])
    assert {"iraq", "america", "congress"} <= names and not {"the", "nation", "i'm"} & names


def test_errors_by_frequency_have_every_word_of_the_test_texts(finished):
    errors = pd.read_csv(finished.study / "word_errors.csv", keep_default_na=False)
    texts = pd.read_parquet(finished.study / "texts.parquet").query("round == 0")["reference"]
    assert set(errors["baseline"]) == {"", "shuffled", "nearest"}
    words = errors.groupby("baseline")["words"].sum()
    assert (words == sum(len(words_of(text)) for text in texts)).all()


def test_the_best_cosine_falls_over_the_rounds_only_where_a_text_is_recovered(table):
    cosine = table.query("baseline == '' and metric == 'cosine'").sort_values("round")["value"]
    assert (cosine.diff().dropna() >= -RECOVERED).all()


def test_recovered_bits_are_the_difference_of_the_likelihoods(table):
    bits = table.set_index("metric")["value"]
    assert bits["recovered_bits"] == pytest.approx(bits["null_nll_bits"] - bits["nll_bits"])
    assert bits["unrecovered_fraction"] == pytest.approx(bits["nll_bits"] / bits["null_nll_bits"])


def test_costs_name_device_and_versions(finished):
    costs = pd.read_csv(finished.study / "costs.csv", keep_default_na=False)
    wanted = {"train_seconds", "train_flops", "embedder_queries", "peak_memory_bytes"}
    assert wanted <= set(costs["metric"])
    assert (costs["device"] != "").all() and costs["versions"].str.contains("torch=").all()
    peak = costs.loc[costs["metric"] == "peak_memory_bytes", "value"].astype(float)
    assert peak.max() < 4 * 2**30


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_there_as_svg_and_pdf(finished, name):
    figures = finished.study / "figures"
    assert (figures / f"{name}.svg").read_text().startswith("<?xml")
    assert (figures / f"{name}.pdf").read_bytes().startswith(b"%PDF")


def test_the_worked_example_is_also_text(finished):
    lines = (finished.study / "figures" / "worked_example.txt").read_text().splitlines()
    assert lines[1].startswith("target") and lines[2].startswith("round 0")


def test_figures_redraw_to_the_same_bytes_without_torch(copied):
    before = {path: path.read_bytes() for path in (copied.study / "figures").glob("*.svg")}
    code = (
        "import sys; from pathlib import Path; from textback.steps.draw import draw_figure;"
        f"[draw_figure(name, Path('results/studies/tiny')) for name in {FIGURES}];"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=copied.folder, check=True, env=environment())
    assert {path: path.read_bytes() for path in before} == before


def test_light_commands_start_without_torch():
    code = (
        "import sys; from textback import cli; from textback.steps import draw, score, study,"
        " data, reduce; assert 'torch' not in sys.modules and 'transformers' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_report_holds_figures_captions_and_costs(finished):
    report = (finished.study / "report.html").read_text()
    for text in ("1 Overview", "8 Costs", "what it cost", "intervals", "worked_example.svg"):
        assert text in report, text


def test_models_are_safetensors_and_nothing_is_pickled(finished):
    files = {path.suffix for path in finished.folder.glob("results/**/*") if path.is_file()}
    assert ".safetensors" in files
    assert not files & {".pt", ".pth", ".bin", ".pkl", ".pickle", ".npy"}


def test_nothing_unfinished_is_left_behind(finished):
    names = [path.name for path in finished.folder.rglob("*") if path.is_file()]
    assert not [name for name in names if name.endswith(".part") or "checkpoint" in name]
    assert not [name for name in names if name.startswith("chunk-")]


def test_every_rule_has_a_log_that_says_something(finished):
    rules = (
        "corpus tokenizer passages embed reduction null_model hypothesizer hypotheses corrector "
        "invert table report"
    )
    for rule in rules.split():
        logs = list((finished.folder / "logs" / rule).rglob("*.log"))
        assert len(logs) == 1, rule
        assert logs[0].read_text().strip(), rule


def test_embeddings_are_stored_in_16_bits(finished):
    path = next(finished.folder.glob("results/embeddings/**/train.safetensors"))
    assert path.stat().st_size < 300 * 384 * 2 + 1000


def test_the_search_embeds_no_more_than_its_trace_says(finished):
    path = next(finished.folder.glob("results/cells/**/trace.parquet"))
    trace = pd.read_parquet(path)
    costs = json.loads((path.parent / "costs.json").read_text())
    last = trace[trace["round"] == trace["round"].max()]
    # One more query for each text could be saved where two texts share a hypothesis.
    assert 0.5 * last["queries"].sum() < costs["embedder_queries"] <= last["queries"].sum()
    assert (last["queries"] <= 1 + 2 * 2**2).all() and np.isfinite(trace["cosine"]).all()


@pytest.fixture
def invert(finished, monkeypatch, capfd):
    """`textback invert` on the finished study, in this process; returns its output."""
    monkeypatch.chdir(finished.folder)

    def run(*arguments):
        config = str(finished.study / "config.json")
        monkeypatch.setattr(sys, "argv", ["textback", "invert", *arguments, "--config", config])
        with pytest.raises(SystemExit) as end:
            main()
        output = capfd.readouterr()
        assert end.value.code in (0, None), output.err
        return output.out

    return run


def test_invert_shows_the_rounds_of_a_text(invert):
    output = invert("The United States")
    assert "the united states" in output
    assert "round 0" in output


def test_invert_shows_brackets_as_they_are(invert):
    assert "the [applause] [/b] of" in invert("the [applause] [/b] of")


def test_invert_reads_files_of_texts_and_of_vectors(invert, tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("of the people\nthe army and navy\n")
    assert invert("--file", str(texts)).count("found") == 2
    vectors = tmp_path / "vectors.npy"
    np.save(vectors, np.random.default_rng(0).normal(size=(3, 384)).astype(np.float32))
    assert invert("--vectors", str(vectors)).count("found") == 3


def test_invert_searches_as_hard_as_it_is_told(finished, invert, monkeypatch):
    efforts = []

    def watched(attack, targets, effort, show):
        efforts.append(effort)
        return search(attack, targets, effort, show)

    search = interactive.invert
    monkeypatch.setattr(interactive, "invert", watched)
    invert("of the", "--beam", "2", "--rounds", "1", "--breadth", "3", "--patience", "7")
    invert("of the", "--beam", "2", "--rounds", "1", "--no-edits")
    told, unedited = efforts
    assert (told.beam, told.rounds, told.breadth, told.patience, told.edits) == (2, 1, 3, 7, True)
    own = read_study(json.loads((finished.study / "config.json").read_text())).evaluation
    assert not unedited.edits
    assert (unedited.breadth, unedited.patience) == (own.breadth, own.patience) != (3, 7)


def test_vectors_of_a_size_no_cell_has_are_refused(finished, tmp_path, monkeypatch):
    study = read_study(json.loads((finished.study / "config.json").read_text()))
    monkeypatch.chdir(finished.folder)
    np.save(tmp_path / "five.npy", np.ones((1, 5)))
    search = interactive.Search(1, 0)
    with pytest.raises(TextbackError, match="no trained cell's reduction 5"):
        interactive.invert_vectors(study, tmp_path / "five.npy", None, search, Console())


def test_rulegraph_and_lint_run_cleanly(finished):
    graph = finished.run("--rulegraph")
    assert graph.returncode == 0 and "digraph" in graph.stdout and "corrector" in graph.stdout
    lint = subprocess.run([sys.executable, str(ROOT / "tests" / "lint_workflow.py")])
    assert lint.returncode == 0
