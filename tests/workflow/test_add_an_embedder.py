"""The page "Add an embedder", followed word by word on the quickstart's smallest cell."""

import json

import pandas as pd
from running import ROOT

PAGE = ROOT / "docs" / "add-an-embedder.md"
ADDED = {"minilm-raw", "letter-pairs"}


def test_both_embedders_are_in_the_table_with_what_leaks_of_them(folder, printed):
    table = pd.read_csv(folder / "results/studies/my-embedders/table.csv", keep_default_na=False)
    assert set(table["embedder"]) == ADDED
    assert set(table["length"]) == {4} and set(table["dim"]) == {64}
    exact = table[(table["metric"] == "exact_match") & (table["round"] == 10)]
    mine = exact[exact["baseline"] == ""].groupby("embedder")["value"].max()
    null = exact[exact["baseline"] == "shuffled"].groupby("embedder")["value"].max()
    assert (mine > null + 0.02).all(), mine
    assert all(name in printed for name in ADDED)


def test_the_figure_and_the_report_are_there(folder, printed):
    study = folder / "results" / "studies" / "my-embedders"
    assert (study / "figures" / "leakage_by_embedder.svg").stat().st_size > 10_000
    report = (study / "report.html").read_text(encoding="utf-8")
    assert all(name in report for name in ADDED)


def test_the_gates_report_lies_where_the_page_says(folder, printed):
    place = folder / "results/embeddings/state-of-the-union/bpe-2k/len4"
    for name in ADDED:
        report = json.loads((place / name / "gate.json").read_text())
        assert report["batch"] <= report["tolerance"] < report["distinct"]
        assert report["case"] <= report["tolerance"]
