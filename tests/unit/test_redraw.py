"""Figures from a folder of tables alone, whole or partial."""

import os
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from inspect import getsource

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from study_tables import cells, measured, write_measured, write_study

from textback.config import FIGURES
from textback.errors import TextbackError
from textback.figures import draw, read_tables
from textback.figures.by_length import draw as by_length
from textback.figures.redraw import redraw
from textback.files import write_json
from textback.steps.draw import draw_figure
from textback.table import RETRIEVAL_COLUMNS, SCHEMA, write_csv


@pytest.fixture
def study(tmp_path):
    """The tables of a study; token F1 is among them, for by_length."""
    write_study(tmp_path, cells())
    table = measured(cells())
    more = table[table["metric"] == "bleu"].assign(metric="token_f1")
    write_measured(tmp_path, pd.concat([table, more]))
    return tmp_path


@pytest.fixture
def unpainted(monkeypatch):
    """Figures are chosen, but not drawn."""
    monkeypatch.setattr("textback.figures.redraw.draw", lambda name, tables, folder: None)


def test_what_the_tables_allow_is_drawn_without_torch_and_the_rest_said_in_one_line(study):
    (study / "barred").mkdir()
    (study / "barred" / "torch.py").write_text("raise ImportError('torch is barred')")
    path = f"{study / 'barred'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    start = "from textback.cli import main; main()"
    command = [sys.executable, "-c", start, "figures", "--study", str(study)]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path}
    )
    assert done.returncode == 0, done.stderr
    drawn, left_out = done.stderr.splitlines()
    for name in ("by_round", "by_length", "recovered_bits"):
        assert name in drawn
        assert (study / "figures" / f"{name}.svg").read_text().startswith("<?xml")
    assert left_out.startswith("left out: ") and "worked_example (no texts.parquet)" in left_out


def test_every_figure_is_drawn_or_left_out_with_its_reason(study, unpainted):
    drawn, left_out = redraw(study)
    assert left_out["worked_example"] == left_out["cosine_bleu"] == "no texts.parquet"
    assert left_out["leakage_retrieval"] == "no retrieval.csv"
    assert left_out["law"] == "no fits.json"
    assert set(drawn) | set(left_out) == set(FIGURES) and not set(drawn) & set(left_out)


def test_the_figures_of_a_study_are_those_it_asked_for_or_all(study, unpainted):
    write_json(study / "config.json", {"figures": ["law", "by_round", "no_more"]})
    drawn, left_out = redraw(study)
    assert drawn == ["by_round"] and left_out == {"law": "no fits.json"}
    drawn, left_out = redraw(study, every=True)
    assert set(drawn) | set(left_out) == set(FIGURES)


def test_what_a_figure_lacks_is_said_in_a_few_words(study):
    table = pd.read_csv(study / "table.csv", keep_default_na=False)
    more = table[table["metric"] == "bleu"].assign(metric="bleu_sentence")
    write_measured(study, pd.concat([table, more]))
    assert redraw(study)[1]["starts"] == f"no cell with {FIGURES['starts'].varies}"


def test_a_law_that_was_fitted_is_drawn(study, unpainted):
    (study / "fits.json").write_text("{}")
    assert "law" in redraw(study)[0]


def test_figures_of_one_corpus_are_left_out_where_there_are_two(study, unpainted):
    table = pd.read_csv(study / "table.csv", keep_default_na=False)
    other = table.assign(corpus="other", target_corpus="other")
    write_measured(study, pd.concat([table, other]))
    drawn, left_out = redraw(study)
    assert "entity_recall" not in drawn
    assert left_out["by_round"] == "it shows one corpus, the table has 2"


def test_a_figure_of_one_search_is_not_drawn_of_two_even_by_hand(study):
    table = pd.read_csv(study / "table.csv", keep_default_na=False)
    other = table[table["search"] != ""].assign(search="elitist-no-edits")
    write_measured(study, pd.concat([table, other]))
    with pytest.raises(TextbackError, match="'by_round': it shows one search, the table has 2"):
        draw_figure("by_round", study)


def test_figures_that_lead_with_one_embedder_are_drawn_of_two(study, unpainted):
    write_study(study, cells(embedders=("minilm", "other")))
    assert {"leakage_by_embedder", "by_round"} <= set(redraw(study)[0])


def test_a_metric_that_the_table_lacks_is_named(study, unpainted):
    table = measured(cells())
    write_measured(study, table[table["metric"] != "cosine"])
    assert redraw(study)[1]["by_round"] == "no metric 'cosine' in the table"


def test_a_cell_that_parts_measured_on_other_texts_is_the_first_parts(study, tmp_path, monkeypatch):
    tables = read_tables(study)
    fewer = tables.measurements.assign(part="second", n=20, value=tables.measurements["value"] / 2)
    both = replace(tables, measurements=pd.concat([tables.measurements, fewer]))
    shown = []
    monkeypatch.setattr("textback.figures.collapse.draw", lambda of: shown.append(of) or Figure())
    draw("collapse", both, tmp_path)
    (found,) = shown
    pd.testing.assert_frame_equal(found.measurements, tables.measurements)


def test_a_figure_of_one_retrieval_set_is_left_out_where_there_are_two(study, unpainted):
    searched = pd.DataFrame({"schema": SCHEMA, "retrieval_set": ["scifact", "nfcorpus"]})
    write_csv(study / "retrieval.csv", searched.reindex(columns=RETRIEVAL_COLUMNS))
    left_out = redraw(study)[1]
    assert left_out["leakage_retrieval"] == "it shows one retrieval_set, the table has 2"
    assert "by_round" not in left_out


def test_figures_of_own_texts_are_left_out_where_none_is_inverted(study, unpainted):
    table = measured(cells())
    write_measured(study, table.assign(target_length=99))
    drawn, left_out = redraw(study)
    assert left_out["by_round"] == "no cell's own test passages are inverted"
    assert "by_round" not in drawn


def test_a_folder_without_a_table_is_one_line(tmp_path):
    with pytest.raises(TextbackError, match=r"pooled\.csv: there is no such table"):
        redraw(tmp_path)


@pytest.fixture
def partial(study):
    """Tables that lack one cell."""
    (missing,) = [c for c in cells() if (c["length"], c["dim"]) == (8, 64)]
    table = pd.read_csv(study / "table.csv", keep_default_na=False)
    gap = (table["length"] == 8) & (table["dim"] == 64)
    write_measured(study, table[~gap])
    pd.DataFrame([missing]).to_csv(study / "missing.csv", index=False)
    return read_tables(study)


def test_a_line_is_broken_at_a_missing_cell(partial):
    panel = by_length(partial).axes[0]
    lines = {c.get_label(): np.asarray(c.lines[0].get_ydata(), float) for c in panel.containers}
    broken = lines["inverter, 64 dimensions (pca)"]
    assert np.isnan(broken).tolist() == [False, True, False]
    assert not np.isnan(lines["inverter, 16 dimensions (pca)"]).any()


def test_a_figure_of_partial_tables_says_how_many_cells_are_missing(partial, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(
        "textback.figures.mark_gaps", lambda figure, gaps: said.append(gaps), raising=True
    )
    draw("by_length", partial, tmp_path)
    assert said == [1]
    draw("by_length", replace(partial, gaps=0), tmp_path)
    assert said == [1]


def test_every_figure_of_single_texts_says_that_it_needs_them():
    for name, shown in FIGURES.items():
        source = getsource(import_module(f"textback.figures.{name}"))
        assert ("tables.texts" in source) == ("texts.parquet" in shown.beside), name


def test_a_table_of_another_version_is_refused_though_the_pooled_one_is_drawn(study):
    table = pd.read_csv(study / "table.csv", keep_default_na=False)
    table.assign(schema=99).to_csv(study / "table.csv", index=False)
    with pytest.raises(TextbackError, match=r"table\.csv: is of schema 99"):
        read_tables(study)
