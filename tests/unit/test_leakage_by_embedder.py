"""The figure of leakage by embedder, on tables made up."""

import numpy as np
from embedder_tables import SIZES, measured, tables

from textback.figures import Tables, leakage_by_embedder


def lines_of(ax, points):
    """The lines of an embedder, not the caps of its intervals."""
    drawn = [line for line in ax.lines if line.get_linestyle() != "None"]
    return [line for line in drawn if len(line.get_xdata()) == points]


def test_a_row_a_metric_a_column_a_length_and_a_line_an_embedder():
    figure = leakage_by_embedder.draw(tables(embedders=("one", "two", "three"), lengths=(4, 8)))
    panels = np.array(figure.axes).reshape(3, 2)
    for ax in panels.flat:
        assert len({line.get_marker() for line in lines_of(ax, len(SIZES))}) == 3
    assert [ax.get_title(loc="left") for ax in panels[0]] == ["4 tokens", "8 tokens"]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["one", "two", "three"]


def test_it_shows_the_last_round_of_the_widest_beam_and_never_a_baseline():
    table = measured(("one",), (4,), 0.5)
    last = (table["round"] == 10) & (table["beam"] == 4) & (table["baseline"] == "")
    others = ~last & ~table["metric"].str.contains("bits|fraction")
    table.loc[others, ["value", "low", "high"]] = 99.0
    figure = leakage_by_embedder.draw(Tables(table, table.head(0), table.head(0)))
    (line,) = lines_of(figure.axes[0], len(SIZES))
    assert list(line.get_ydata()) == [0.5 * dim / 384 for _, dim in SIZES]


def test_embedders_of_one_size_stand_side_by_side():
    figure = leakage_by_embedder.draw(tables(embedders=("one", "two"), lengths=(4,)))
    one, two = (np.array(line.get_xdata(), float) for line in lines_of(figure.axes[0], len(SIZES)))
    assert (one < two).all()
    assert np.allclose(one, two, rtol=0.1)


def test_the_share_of_bits_recovered_is_what_the_unrecovered_one_leaves():
    figure = leakage_by_embedder.draw(tables(embedders=("one",), lengths=(4,)))
    (line,) = lines_of(figure.axes[2], len(SIZES))
    assert np.allclose(np.array(line.get_ydata(), float), [1 - 0.5 * d / 384 for _, d in SIZES])


def test_of_two_sizes_too_near_for_two_labels_the_first_has_one():
    made = tables(embedders=("one",), lengths=(4,))
    sizes = made.measurements["dim"].replace({64: 512})
    figure = leakage_by_embedder.draw(
        Tables(made.measurements.assign(dim=sizes), *[sizes.to_frame()] * 2)
    )
    assert [label.get_text() for label in figure.axes[-1].get_xticklabels()] == ["16", "384"]
