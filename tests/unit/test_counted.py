"""Counts in messages: one of something is no plural."""

from io import StringIO

import pytest
from rich.console import Console

from textback.config import read_study
from textback.counted import counted
from textback.figures.style import dimension_label
from textback.published.words import how
from textback.studies.status import show


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0 cells"),
        (1, "1 cell"),
        (2, "2 cells"),
        (1536, "1536 cells"),
        (12000, "12,000 cells"),
    ],
)
def test_one_of_something_is_no_plural_and_long_numbers_are_in_groups(number, said):
    assert counted(number, "cell") == said


def test_messages_about_one_are_in_the_singular(config, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    study = read_study(config | {"lengths": [4], "reductions": ["native"], "figures": []})
    console = Console(width=150, record=True, file=StringIO())
    show(study, console, all_cells=False)
    assert "Missing: 1 score of 1 cell, waiting for: corpus 1" in console.export_text()
    assert dimension_label("pca", 1) == "1 dimension (pca)"
    setting = {"method": "corrector", "steps": 1, "published_beam": 1, "noise": 0}
    assert how(setting) == "corrector, 1 round"
