"""The figure of leakage against retrieval quality, on tables made here."""

import pandas as pd
import pytest

from textback.errors import TextbackError
from textback.figures import Tables, draw, leakage_retrieval
from textback.table import RETRIEVAL_COLUMNS

SIZES = (("pca", 16), ("pca", 64), ("native", 384))
LEAKS = {"exact_match": 0.5, "bleu": 60.0, "recovered_bits": 20.0}


def measured(embedders, lengths, exact_match):
    """A table of the inverter: what leaks grows with the dimension."""
    return pd.DataFrame(
        {
            **{"embedder": embedder, "length": length, "reduction": kind, "dim": dim},
            **{"baseline": baseline, "metric": metric, "round": number, "beam": beam},
            **{"value": value * dim / 384, "low": value * dim / 500, "high": value * dim / 300},
        }
        for embedder in embedders
        for length in lengths
        for kind, dim in SIZES
        for baseline in ("", "shuffled")
        for metric, value in (LEAKS | {"exact_match": exact_match}).items()
        for number, beam in ([(0, 1)] if metric == "recovered_bits" else [(0, 1), (10, 1), (10, 4)])
    )


def searched(embedders):
    """A table of retrieval; the perturbed vectors find nothing."""
    return pd.DataFrame(
        {
            **{"embedder": embedder, "reduction": kind, "dim": dim},
            **{"perturbation": perturbation, "metric": metric},
            **{"value": quality * dim**0.1, "low": 0.0, "high": 1.0},
        }
        for embedder, quality in embedders.items()
        for kind, dim in SIZES
        for perturbation in ("none", "binary")
        for metric in ("ndcg_at_10", "recall_at_10")
    )


def tables(embedders=("one",), lengths=(4, 8, 32), exact_match=0.5):
    quality = {embedder: 0.3 + 0.02 * i for i, embedder in enumerate(embedders)}
    return Tables(measured(embedders, lengths, exact_match), pd.DataFrame(), searched(quality))


def test_a_panel_a_length_has_a_line_an_embedder_with_a_point_a_dimension():
    figure = leakage_retrieval.draw(tables(embedders=("one", "two", "three", "four")))
    assert len(figure.axes) == 6
    for ax in figure.axes:
        lines = [line for line in ax.lines if len(line.get_xdata()) == len(SIZES)]
        assert len(lines) == 4
        assert len({line.get_marker() for line in lines}) == 4
        assert [text.get_text() for text in ax.texts] == ["16", "64", "384"] * 4


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
    without = Tables(
        measured(("one",), (4,), 0.5), pd.DataFrame(), pd.DataFrame(columns=RETRIEVAL_COLUMNS)
    )
    with pytest.raises(TextbackError, match="name one in use_retrieval_sets"):
        draw("leakage_retrieval", without, tmp_path)
