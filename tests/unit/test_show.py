"""`textback show`: from a cell's name to its texts."""

from io import StringIO

import pandas as pd
import pytest
from rich.console import Console

from textback.errors import TextbackError
from textback.studies.names import CELL, find_cell, path_name
from textback.studies.show import Choice, chosen, pick, ranked, show

CELLS = pd.DataFrame(
    [
        ("nq", "minilm", length, reduction, dim, "nano", seed)
        for length in (4, 8, 16)
        for reduction, dim in (("native", 384), ("pca", 64), ("pca", 16))
        for seed in (0, 1)
    ],
    columns=CELL,
)


def texts(**columns):
    """An inversion of ten texts in three rounds: text i gets i of ten words right in the end."""
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    cell = dict(zip(CELL, ("nq", "minilm", 10, "pca", 64, "nano", 0), strict=True))
    rows = [
        {
            **cell,
            **{"part": "main", "target_corpus": "nq", "target_length": 10, "search": "elitist"},
            **{"perturbation": "none", "beam": 4, "text": text, "round": number},
            "reference": " ".join(words),
            "hypothesis": " ".join([*words[:right], *["wrong"] * (10 - right)]),
            "cosine": 1 - right / 20,  # the other way round than BLEU
            "bleu_sentence": 10.0 * right,
        }
        | columns
        for text in range(10)
        for number in range(3)
        for right in [text * number // 2]
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    "given",
    [
        ["nq/minilm/len8/pca64/nano/seed0"],
        ["results/cells/nq/minilm/len8/pca64/nano/seed0/inversions/elitist-beam4/trace.parquet"],
        ["nq,minilm,8,pca,64,nano,0"],
        ["2,study,main,nq,minilm,8,pca,64,nano,0,nq,8,elitist,,none,0,1,bleu,3.5"],
        ["len8", "pca64"],
        ["pca64 len8 seed0"],
    ],
)
def test_a_cell_is_found_by_its_path_its_row_or_words_of_its_path(given):
    assert path_name(find_cell(given, CELLS)) == "nq/minilm/len8/pca64/nano/seed0"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["len9", "pca64"], "unknown part of a cell's name 'len9': did you mean 'len"),
        (["nq/minilm/len8/pca65/nano/seed0"], "did you mean 'nq/minilm/len8/pca64/nano/seed0'?"),
        (["nq,minilm,8,pca,65,nano,0"], "did you mean 'nq,minilm,8,pca,64,nano,0'?"),
        (["native", "pca64"], "unknown cell 'native pca64': did you mean 'nq/minilm/"),
        ([], "9 cells are there: say more of one, e.g. of nq/minilm/len"),
        (["pca64"], "3 cells fit 'pca64': say more of one, e.g. of nq/minilm/len"),
    ],
)
def test_an_unknown_or_unclear_cell_ends_in_one_short_line_with_the_nearest(given, message):
    with pytest.raises(TextbackError) as end:
        find_cell(given, CELLS)
    assert message in str(end.value)
    assert "\n" not in str(end.value) and len(str(end.value)) < 300


def test_the_ranking_is_by_bleu_or_by_cosine_at_the_round_asked_for():
    rows = texts()
    assert ranked(rows, "bleu", 2) == list(range(10))
    assert ranked(rows, "cosine", 2) == list(range(10))[::-1]
    assert ranked(rows, "bleu", 0) == ranked(rows, "cosine", 0) == list(range(10))  # all alike


def test_worst_median_and_best_are_different_texts():
    assert chosen(list(range(11)), 1) == {"worst": [0], "median": [5], "best": [10]}
    assert chosen(list(range(11)), 2) == {"worst": [0, 1], "median": [4, 5], "best": [10, 9]}
    assert chosen([3, 1], 1) == {"all, worst first": [3, 1]}


def test_the_screen_has_target_and_hypotheses_round_by_round():
    console = Console(width=150, record=True, file=StringIO())
    show(texts(), Choice(), console)
    said = console.export_text()
    assert "nq/minilm/len10/pca64/nano/seed0" in said
    worst, best = said.split("worst (text 0)")[1], said.split("best (text 9)")[1]
    assert "wrong wrong wrong" in worst
    lines = [line.split() for line in best.splitlines() if line.strip()]
    assert lines[1][0] == "target" and lines[1][-1] == "ten"
    assert [line[0] for line in lines[2:]] == ["0", "1", "2"]
    assert lines[-1][1:3] == ["90.0", "0.550"]


def test_texts_with_brackets_are_shown_as_they_are():
    console = Console(width=150, record=True, file=StringIO())
    show(texts(hypothesis="[b] [/b]", reference="[red] [/i]"), Choice(), console)
    said = console.export_text()
    assert "[b] [/b]" in said and "[red] [/i]" in said


def test_the_widest_beam_of_the_cells_own_texts_is_shown_unless_said():
    rows = pd.concat(
        [
            texts(perturbation="int8"),
            texts(beam=1),
            texts(target_length=20),
            texts(),
            texts(part="second", search="paper"),
        ]
    )
    found = pick(rows, Choice())
    assert len(found) == 30
    assert set(found["beam"]) == {4} and set(found["perturbation"]) == {"none"}
    assert set(found["target_length"]) == {10} and set(found["part"]) == {"main"}
    assert set(pick(rows, Choice(beam=1))["beam"]) == {1}
    assert set(pick(rows, Choice(search="paper"))["part"]) == {"second"}
    with pytest.raises(TextbackError, match="unknown perturbation of this cell 'int9': did you"):
        pick(rows, Choice(perturbation="int9"))


def test_the_widest_beam_is_that_of_the_part_shown():
    rows = pd.concat([texts(beam=1), texts(beam=2), texts(part="second", beam=8)])
    assert set(pick(rows, Choice())["beam"]) == {2}
    assert set(pick(rows, Choice(part="second"))["beam"]) == {8}


def test_a_round_that_is_not_there_is_one_line():
    with pytest.raises(TextbackError, match="no round 7: this cell has 0 to 2"):
        show(texts(), Choice(round=7), Console())
