"""The figures of the paper's parts, on tables made here."""

from dataclasses import replace

import pandas as pd
import pytest
from matplotlib import pyplot as plt
from paper_tables import measured, rows, tables, texts

from textback.errors import TextbackError
from textback.figures import Tables, draw, noise_levels, starts
from textback.figures.select import level, varied
from textback.figures.settings import attacks
from textback.published.pairs import COLUMNS

OVERLAID = (
    *("published_results", "rounds_by_inverter", "first_cosine", "starts", "beam_grid"),
    *("out_of_domain", "length_mismatch", "noise_levels", "leakage_perturbation", "cosine_bleu"),
)
COMPARING = tuple(name for name in OVERLAID if name not in ("first_cosine", "cosine_bleu"))


@pytest.fixture(scope="module")
def made():
    return tables()


@pytest.fixture
def drawn(monkeypatch, made, tmp_path):
    """Draw a figure as a study does, and return it."""

    def figure(name, of=made):
        kept = []
        monkeypatch.setattr(
            "matplotlib.figure.Figure.savefig", lambda self, *_, **__: kept.append(self)
        )
        monkeypatch.setattr("textback.files.os.fsync", lambda number: None)
        monkeypatch.setattr("textback.figures.replacing", Nothing)
        draw(name, of, tmp_path)
        plt.close("all")
        return kept[0]

    return figure


class Nothing:
    """A file that is not written."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        return self.path

    def __exit__(self, *error):
        return False


def published_lines(figure):
    """What is drawn of published values."""
    return [
        line
        for ax in figure.axes
        for line in ax.lines
        if line.get_color() == "black" and line.get_markerfacecolor() == "white"
    ]


@pytest.mark.parametrize("name", OVERLAID)
def test_published_values_are_black_and_hollow_on_every_figure(name, drawn):
    found = published_lines(drawn(name))
    assert found
    assert all("published" in line.get_label() for line in found)


@pytest.mark.parametrize("name", [name for name in OVERLAID if name != "published_results"])
def test_a_study_that_reran_nothing_published_has_its_figures_all_the_same(name, drawn, made):
    without = Tables(made.measurements, made.texts, made.retrieval)
    assert published_lines(drawn(name, without)) == []


@pytest.mark.parametrize("name", COMPARING)
def test_a_figure_with_nothing_to_compare_says_so_in_one_line(name, made, tmp_path):
    one = made.measurements.query(
        "inverter == 'paper' and target_corpus == 'nq' and target_length == 32 "
        "and perturbation == 'none' and search == 'paper'"
    )
    alone = Tables(one, made.texts, made.retrieval)
    with pytest.raises(TextbackError, match=f"figure '{name}': .* with .*leave it out") as error:
        draw(name, alone, tmp_path)
    assert "\n" not in str(error.value)


def test_values_are_compared_after_the_last_round_and_widest_beam_that_all_have():
    table = pd.DataFrame(
        [
            *rows("nq", rounds=(0, 1, 20, 50), beams=(1, 8)),
            *rows("noise", rounds=(0, 1, 20), beams=(1, 8), perturbation="int8"),
            *rows("noise", rounds=(0, 1, 20), beams=(1,), perturbation="binary"),
        ]
    )
    chosen = level(table, "perturbation")
    assert set(chosen["round"]) == {20} and set(chosen["beam"]) == {1}
    assert set(chosen["perturbation"]) == {"none", "int8", "binary"}


def test_of_two_searches_of_equal_effort_values_are_compared_by_the_plainest():
    both = [*rows("nq"), *rows("nq", search="paper-likelihood")]
    assert set(level(pd.DataFrame(both), "embedder")["search"]) == {"paper"}


def test_texts_that_begin_otherwise_are_shown_where_there_are_no_others():
    sampled = texts().assign(search="paper-from-nucleus")
    both = pd.concat([sampled.assign(round=sampled["round"] * 2), texts()])
    assert {search for rows in attacks(both) for search in rows["search"]} == {"paper"}
    (alone,) = attacks(sampled)
    assert set(alone["search"]) == {"paper-from-nucleus"} and alone["beam"].unique() == [8]


def test_without_texts_of_its_cells_own_a_study_has_no_example_and_a_line_says_so():
    with pytest.raises(TextbackError, match="no test passages of its cells' own"):
        attacks(texts().query("target_corpus == 'tales'"))


def test_inverters_are_compared_with_a_beam_that_they_share(drawn, made):
    table = made.measurements
    wide = (table["inverter"] != "no-feedback") | (table["beam"] > 1)
    other = table[table["inverter"] == "no-feedback"].assign(beam=8)
    ax = drawn(
        "rounds_by_inverter", replace(made, measurements=pd.concat([table[wide], other]))
    ).axes[0]
    assert {line.get_label() for line in ax.containers} == {"paper", "no-feedback"}


def test_only_settings_in_which_the_column_has_two_values_are_compared():
    table = pd.DataFrame([*rows("nq"), *rows("nq", inverter="b"), *rows("ada", length=128)])
    (found,) = varied(table, "inverter", ["corpus", "length"])
    assert set(found["length"]) == {32}


def test_a_start_is_a_row_and_its_published_value_stands_in_it(drawn):
    ax = drawn("starts").axes[0]
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == [starts.NAMES[start] for start in ("hypothesizer", "random", "the")]
    (line,) = [line for line in ax.lines if line.get_color() == "black"]
    assert dict(zip(line.get_ydata(), line.get_xdata(), strict=True)) == {
        0: 0.516,
        1: 0.5,
        2: 0.498,
    }


def test_corpora_stand_from_few_words_to_many(drawn):
    labels = [label.get_text() for label in drawn("out_of_domain").axes[0].get_yticklabels()]
    assert labels == ["speeches (12 words)", "nq (26 words)", "tales (30 words)"]


def test_noise_has_equal_steps_from_none_on(drawn):
    labels = [label.get_text() for label in drawn("noise_levels").axes[0].get_xticklabels()]
    assert labels == ["none", "0.001", "0.01", "0.1"]


def test_other_perturbations_are_no_noise(made):
    assert set(noise_levels.leveled(made.measurements)["perturbation"]) == {
        *("none", "gaussian:0.001", "gaussian:0.01", "gaussian:0.1")
    }


def test_every_perturbation_is_named_beside_its_point(drawn):
    names = {text.get_text() for text in drawn("leakage_perturbation").axes[0].texts}
    assert names == {"none", "0.001", "0.01", "0.1", "int8", "binary"}


def test_the_published_line_of_leakage_runs_through_its_retrieval_and_its_bleu(drawn):
    (line,) = published_lines(drawn("leakage_perturbation"))[:1]
    assert list(line.get_xdata()) == pytest.approx([0.0024, 0.2956, 0.3016, 0.3019])
    assert list(line.get_ydata()) == pytest.approx([0.1476, 10.3344, 80.3725, 72.347])


def test_published_noise_stands_only_on_the_panel_of_its_own_cell(drawn, made):
    table = made.measurements
    own = (table["target_length"] == 32) & (table["target_corpus"] == "nq")
    longer = table[own].assign(length=64, target_length=64)
    both = replace(made, measurements=pd.concat([table, longer]))
    of_32, of_64 = (drawn("leakage_perturbation", both).axes[at] for at in (0, 2))
    hollow = [sum(line.get_color() == "black" for line in ax.lines) for ax in (of_32, of_64)]
    assert hollow == [1, 0]


def test_rows_of_the_main_table_are_methods_and_their_values_ours_and_published(drawn):
    ax = drawn("published_results").axes[0]
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels[0] == "hypothesizer" and labels[-1] == "corrector, 50 rounds, beam 8"
    (line,) = [line for line in ax.lines if line.get_color() == "black"]
    assert list(line.get_xdata()) == [31.9, 50.7, 83.9, 85.4, 97.3]


def test_pairs_have_the_columns_that_figures_read(made):
    assert list(made.published.columns) == COLUMNS
    assert set(measured()["metric"]) >= {"bleu_sentence", "exact_match"}
