"""The figure of leakage against retrieval quality, on tables made here."""

import pandas as pd
import pytest
from embedder_tables import SIZES, tables

from textback.errors import TextbackError
from textback.figures import Tables, draw, leakage_retrieval
from textback.table import COLUMNS, RETRIEVAL_COLUMNS


def test_a_panel_a_length_has_a_line_an_embedder_with_a_point_a_dimension():
    figure = leakage_retrieval.draw(tables(embedders=("one", "two", "three", "four")))
    assert len(figure.axes) == 6
    for ax in figure.axes:
        lines = [line for line in ax.lines if len(line.get_xdata()) == len(SIZES)]
        assert len(lines) == 4
        points = [line for line in ax.lines if len(line.get_xdata()) == 1]
        assert len({point.get_marker() for point in points}) == 4
        sizes = [point.get_markersize() for point in points]
        assert sizes == sorted(sizes[:3]) * 4 and len(set(sizes)) == 3
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[-3:] == ["16 dimensions", "64 dimensions", "384 dimensions"]


def test_a_point_is_unperturbed_ndcg_against_the_last_round_of_the_widest_beam():
    figure = leakage_retrieval.draw(tables(lengths=(4,)))
    above, below = (ax.lines[0] for ax in figure.axes)
    assert above.get_xdata() == pytest.approx([0.3 * dim**0.1 for _, dim in SIZES])
    assert above.get_ydata() == pytest.approx([0.5 * dim / 384 for _, dim in SIZES])
    assert below.get_ydata() == pytest.approx([20 * dim / 384 for _, dim in SIZES])


@pytest.mark.parametrize(("exact_match", "label"), [(0.3, "exact match"), (0.01, "BLEU")])
def test_bleu_stands_for_exact_match_where_hardly_a_text_is_recovered(exact_match, label):
    figure = leakage_retrieval.draw(tables(exact_match=exact_match))
    assert figure.axes[0].get_ylabel().startswith(label)


def test_a_study_that_searches_nothing_is_told_so_in_one_line(tmp_path):
    empty = pd.DataFrame(columns=COLUMNS)
    without = Tables(empty, empty, pd.DataFrame(columns=RETRIEVAL_COLUMNS))
    with pytest.raises(TextbackError, match="name one in use_retrieval_sets"):
        draw("leakage_retrieval", without, tmp_path)
