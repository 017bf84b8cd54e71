"""histories.csv: every training of a study once, with what it was a training of."""

import pandas as pd
import pytest

from textback.config import Part
from textback.histories import HISTORY_COLUMNS, histories, history_files, read_histories
from textback.table import Known, write_csv

PART = Part(
    use_corpora=["c"],
    use_embedders=["e"],
    use_inverters=["big", "shares"],
    lengths=[4],
    reductions=["native", "pca"],
    dimensions=[16],
    seeds=[0, 1],
)
KNOWN = Known({"big": "t", "shares": "t"}, {"big": "big", "shares": "big"}, {"e": 384})


@pytest.fixture
def gathered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = history_files({"main": PART, "again": PART}, KNOWN)
    for i, path in enumerate(files):
        path.parent.mkdir(parents=True)
        rows = {"examples": [10.0, 20.0], "flops": [1e9, 2e9], "learning_rate": 0.1}
        pd.DataFrame(rows | {"train_nll": 3.0 + i, "validation_nll": 2.0 + i}).to_csv(
            path, index=False
        )
    return histories("s", files)


def test_every_training_stands_once_however_many_cells_share_it(gathered):
    assert list(gathered.columns) == HISTORY_COLUMNS
    count = gathered["model"].value_counts().to_dict()
    assert count == {"null_model": 2 * 2, "hypothesizer": 4 * 2, "corrector": 8 * 2}
    assert gathered["validation_nll"].nunique() == 2 + 4 + 8


def test_a_null_model_is_of_no_embedder_or_size_and_others_are(gathered):
    null = gathered[gathered["model"] == "null_model"]
    assert null[["embedder", "reduction", "dim"]].isna().all(axis=None)
    others = gathered[gathered["model"] != "null_model"]
    assert set(others["dim"]) == {16, 384} and set(others["inverter"]) == {"big", "shares"}


def test_sizes_are_numbers_again_when_the_table_is_read(gathered, tmp_path):
    write_csv(tmp_path / "histories.csv", gathered)
    found = read_histories(tmp_path / "histories.csv")
    assert found["dim"].tolist() == gathered["dim"].tolist()
    assert (found.loc[found["model"] == "null_model", "embedder"] == "").all()


def test_a_study_without_rounds_has_no_correctors():
    part = PART.model_copy(update={"evaluation": PART.evaluation.model_copy(update={"rounds": 0})})
    models = {columns["model"] for columns in history_files({"main": part}, KNOWN).values()}
    assert models == {"null_model", "hypothesizer"}
