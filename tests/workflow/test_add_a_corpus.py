"""The page "Add a corpus", followed word by word."""

import pandas as pd
import yaml
from page import blocks
from running import ROOT

from textback.config import read_study_file

PAGE = ROOT / "docs" / "add-a-corpus.md"


def test_the_corpus_is_in_the_table_and_the_figures_are_there(folder, printed):
    study = folder / "results" / "studies" / "letters"
    table = pd.read_csv(study / "table.csv")
    assert set(table["corpus"]) == {"letters"}
    assert {"bleu", "exact_match", "cosine"} <= set(table["metric"])
    for name in read_study_file(ROOT / "config.yaml").figures:
        assert (study / "figures" / f"{name}.svg").exists() and f"{name}.svg" in printed
    assert (study / "report.html").exists()
    assert "letters,minilm,4,native" in printed


def test_its_passages_are_its_own_texts(folder, printed):
    passages = pd.read_parquet(folder / "results/passages/letters/bpe-2k/len4/test.parquet")
    letters = [path.read_text(encoding="utf-8") for path in (folder / "letters").iterdir()]
    whole = " ".join(" ".join(letters).lower().split())
    assert len(passages) == 40
    assert all(text in whole for text in passages["text"])


def test_rows_and_datasets_have_passages_too(folder, printed):
    documents = len(list((folder / "letters").iterdir()))
    for name in ("notes", "saved"):
        frame = pd.read_parquet(folder / f"results/corpora/{name}/documents.parquet")
        assert frame["id"].nunique() == documents < len(frame)
        assert (frame.groupby("id")["split"].nunique() == 1).all()
        assert (folder / f"results/passages/{name}/bpe-2k/len4/train.parquet").exists()


def test_the_page_has_an_example_of_every_kind_that_a_user_may_bring():
    entries = [
        entry
        for block in blocks(PAGE)
        if block.language == "yaml"
        for entry in yaml.safe_load(block.text)["corpora"].values()
    ]
    assert {entry["kind"] for entry in entries} == {"files", "huggingface"}
