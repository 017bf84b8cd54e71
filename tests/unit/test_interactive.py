"""What `textback invert` takes, and says of a search that ends before its last round."""

import numpy as np
import pytest
from rich.console import Console

from textback import interactive
from textback.cells import grid
from textback.config import read_study
from textback.errors import TextbackError
from textback.interactive import _show_end, read_vectors
from textback.inverter.search.states import Effort, Hypothesis, Round


def hypothesis(text, recovered=False):
    return Hypothesis(text, np.array([1]), np.ones(1), 0.5, recovered, 0.0)


def history_of(best, found, tried, rounds=9):
    """Of a search that found `best` in round `found` and tried texts up to round `tried`."""
    other = hypothesis("other")
    return [
        Round(best if number >= found else other, None, 1 + min(number, tried))
        for number in range(rounds + 1)
    ]


def said(best, found, tried, rounds=9, patience=3):
    history = history_of(best, found, tried, rounds)
    console = Console(record=True, width=200)
    _show_end(console, history, Effort("elitist", 2, rounds, breadth=2, patience=patience))
    return console.export_text().strip()


def test_it_says_that_it_gave_up():
    assert said(hypothesis("best"), 2, 5).startswith("ended after round 5: 3 rounds without gain")


def test_it_says_that_nothing_was_left_to_try():
    assert said(hypothesis("best"), 2, 3).startswith("ended after round 3: nothing new to try")


@pytest.mark.parametrize(("recovered", "tried"), [(True, 4), (False, 9)])
def test_it_says_nothing_where_it_found_the_embedding_or_went_to_the_end(recovered, tried):
    assert said(hypothesis("best", recovered), 2, tried) == ""


def test_of_many_texts_only_rounds_that_tried_something_are_shown():
    console = Console(record=True, width=200)
    show = interactive._show_means(console)
    found, other = hypothesis("found"), hypothesis("other")
    show(0, [Round(other, None, 1)] * 2)
    show(1, [Round(found, None, 1), Round(other, other, 2)])
    show(2, [Round(found, None, 1), Round(other, None, 2)])
    assert [line[:8] for line in console.export_text().splitlines()] == ["round 0 ", "round 1 "]


@pytest.mark.parametrize(
    ("recovered", "tried", "line"),
    [
        ((True, True), (4, 6), "ended after round 6: 2 of 2 texts recovered"),
        ((True, False), (4, 6), "ended after round 6: 1 of 2 texts recovered, no more gain or"),
        ((True, False), (4, 9), ""),
    ],
)
def test_of_many_texts_it_says_why_they_ended_early(recovered, tried, line):
    histories = [
        history_of(hypothesis("best", found), 2, last)
        for found, last in zip(recovered, tried, strict=True)
    ]
    console = Console(record=True, width=200)
    interactive._show_ends(console, histories, Effort("elitist", 2, 9, breadth=2, patience=3))
    said = console.export_text().strip()
    assert said.startswith(line) and bool(said) == bool(line)


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        ([[1.0, 2.0], [0.0, 0.0]], "vector 1 is all zeros"),
        ([[1.0, np.nan]], "NaN or infinite"),
        ([[1, 2]], "give floats"),
        (np.zeros((0, 3)), "holds no vector"),
        (np.ones((2, 2, 2)), "give floats"),
    ],
)
def test_vectors_that_no_text_has_are_refused_in_one_line(vectors, message, tmp_path):
    np.save(tmp_path / "vectors.npy", np.array(vectors))
    with pytest.raises(TextbackError, match=message) as refused:
        read_vectors(tmp_path / "vectors.npy")
    assert len(str(refused.value).splitlines()) == 1


def test_one_vector_is_a_list_of_one(tmp_path):
    np.save(tmp_path / "vectors.npy", np.array([0.5, 0.0], np.float32))
    assert read_vectors(tmp_path / "vectors.npy").tolist() == [[0.5, 0.0]]


@pytest.mark.parametrize("name", ["none.npy", "none.safetensors"])
def test_a_file_that_is_not_there_is_said_to_be_missing(name, tmp_path):
    with pytest.raises(TextbackError, match="there is no such file"):
        read_vectors(tmp_path / name)


def test_a_trained_cell_is_found_by_its_path_or_by_words_of_it(config, monkeypatch):
    study = read_study(config)
    trained = list(grid(study))
    monkeypatch.setattr(interactive, "trained_cells", lambda study: trained)
    for cell in trained:
        assert interactive.find_cell(study, str(cell)) == cell
    found = interactive.find_cell(study, "pca64 len8")
    assert (found.length, str(found.reduction), found.seed) == (8, "pca64", 0)
    with pytest.raises(TextbackError, match="cells fit 'len8': say more of one"):
        interactive.find_cell(study, "len8")


def test_a_cell_that_is_not_trained_is_told_from_an_unknown_one(config, monkeypatch):
    study = read_study(config)
    trained = [cell for cell in grid(study) if cell.length == 8]
    monkeypatch.setattr(interactive, "trained_cells", lambda study: trained)
    with pytest.raises(TextbackError, match=r"len4/native/nano/seed0: it is not trained yet"):
        interactive.find_cell(study, "len4 native")
    with pytest.raises(TextbackError, match="unknown part of a cell's name 'len9'"):
        interactive.find_cell(study, "len9 native")
    assert interactive.find_cell(study, "native").length == 8
