"""The figures of length against dimension, on tables made up from a known law."""

import dataclasses
from functools import cache
from importlib import import_module
from itertools import pairwise

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from sweep_tables import BITS, BUDGETS, DIMENSIONS, LENGTHS, NATIVE, exact, tables, unrecovered

from textback.errors import TextbackError
from textback.figures import Tables
from textback.figures.attacker_limit import COLOURS
from textback.figures.style import apply_style

FIGURES = (
    "by_length",
    "by_dimension",
    "heat_maps",
    "recovered_bits",
    "horizon",
    "collapse",
    "nll_by_compute",
    "reductions",
    "attacker_limit",
    "leakage_by_embedder",
)
SWEEPS = {
    "whole": {"embedders": ("minilm", "bag-of-words", "random-transformer")},
    "of one embedder": {},
    "narrow": {
        "lengths": (4, 8),
        "sizes": [("pca", 16), ("pca", 64), ("native", NATIVE)],
        "inverters": ("large", "small"),
    },
}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@cache
def made_once(sweep):
    return tables(**SWEEPS[sweep])


def drawn(name, made=None, **axes):
    made = made or (tables(**axes) if axes else made_once("of one embedder"))
    return import_module(f"textback.figures.{name}").draw(made)


def lines_of(ax):
    """The lines with a name, not the caps of their intervals."""
    lines = {}
    for container in ax.containers:
        if not container.get_label().startswith("_"):
            lines[container.get_label()] = np.array(container[0].get_data(), float)
    return lines


@pytest.mark.parametrize("sweep", SWEEPS)
@pytest.mark.parametrize("name", FIGURES)
def test_no_label_of_an_axis_covers_another_and_none_leaves_the_page(name, sweep):
    apply_style()
    figure = drawn(name, made_once(sweep))
    figure.canvas.draw()
    page = figure.bbox
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            labels = [one for one in axis.get_ticklabels() if one.get_text() and one.get_visible()]
            inside = [one for one in labels if np.isfinite(one.get_position()).all()]
            boxes = [one.get_window_extent() for one in inside]
            upright = [
                box for one, box in zip(inside, boxes, strict=True) if not one.get_rotation()
            ]
            for one, other in pairwise(upright):
                assert not one.overlaps(other), [label.get_text() for label in inside]
            title = axis.label.get_window_extent()
            assert title.x0 >= -1 and title.x1 <= page.x1 + 1, axis.label.get_text()
            assert title.y0 >= -1 and title.y1 <= page.y1 + 1, axis.label.get_text()
    for legend in figure.legends:
        box = legend.get_window_extent()
        assert box.x0 >= -1 and box.x1 <= page.x1 + 1
        others = [other for other in figure.legends if other is not legend]
        assert not any(box.overlaps(other.get_window_extent()) for other in others)


def test_each_embedder_has_its_row_and_of_other_axes_the_first_is_shown_and_named():
    figure = drawn("by_length", embedders=("one", "two"))
    assert len(figure.axes) == 8
    assert [ax.get_title(loc="left") for ax in (figure.axes[0], figure.axes[4])] == ["one", "two"]
    assert figure.get_suptitle() == "inverter large, reduction pca, round 10, beam 4"
    lines = lines_of(figure.axes[1])
    assert set(lines) == {
        *(f"inverter, {dim} dimensions (pca)" for dim in DIMENSIONS),
        *(
            "inverter, 384 dimensions (native)",
            "nearest training passage",
            "shuffled embeddings (null)",
        ),
    }
    found = lines["inverter, 64 dimensions (pca)"]
    assert found[1] == pytest.approx([exact(BITS * n / 64) for n in LENGTHS])


def test_by_dimension_has_a_line_a_length_and_the_baselines_of_the_shortest():
    lines = lines_of(drawn("by_dimension").axes[1])
    assert set(lines) == {
        *(f"{n} tokens" for n in LENGTHS),
        *("nearest training passage, 2 tokens", "shuffled embeddings (null), 2 tokens"),
    }
    sizes = [*DIMENSIONS, NATIVE]
    assert lines["8 tokens"][0] == pytest.approx(sizes)
    assert lines["8 tokens"][1] == pytest.approx([exact(BITS * 8 / dim) for dim in sizes])


def test_a_heat_map_writes_each_cell_in_its_place():
    ax = drawn("heat_maps").axes[0]
    values = ax.images[0].get_array()
    assert values.shape == (len(LENGTHS), len(DIMENSIONS) + 1)
    assert values[2, 1] == pytest.approx(exact(BITS * 8 / 32))
    assert f"{values[2, 1]:.2f}" in [
        text.get_text() for text in ax.texts if text.get_position() == (1, 2)
    ]


def without(made, *gone):
    table = made.measurements
    for length, dim in gone:
        table = table[(table["length"] != length) | (table["dim"] != dim)]
    return Tables(table, made.texts, made.retrieval, histories=made.histories)


def hatched(ax):
    found = [patch for patch in ax.patches if isinstance(patch, Rectangle) and patch.get_hatch()]
    return [(round(patch.get_y() + 0.5), round(patch.get_x() + 0.5)) for patch in found]


def test_a_missing_cell_is_hatched_and_listed():
    figure = drawn("heat_maps", without(tables(), (8, 32), (128, NATIVE)))
    for ax in figure.axes[:3]:
        assert hatched(ax) == [(2, 1), (6, 5)]
    said = figure.get_supxlabel().replace("\n", " ")
    assert said == "Hatched, not measured: 8 tokens × 32 (pca); 128 tokens × 384 (native)."
    assert not drawn("heat_maps").get_supxlabel()


def test_a_length_or_size_that_one_embedder_lacks_altogether_is_hatched_in_its_map():
    made = tables(embedders=("one", "two"), lengths=(4, 8), sizes=[("pca", 16), ("native", NATIVE)])
    table = made.measurements
    lacks = (table["embedder"] == "two") & ((table["length"] == 8) | (table["dim"] == 16))
    figure = drawn("heat_maps", Tables(table[~lacks], made.texts, made.retrieval))
    assert hatched(figure.axes[0]) == [] and hatched(figure.axes[3]) == [(0, 0), (1, 0), (1, 1)]
    said = figure.get_supxlabel().replace("\n", " ")
    assert "two, 8 tokens × 384 (native)" in said and "two, 4 tokens × 16 (pca)" in said


def test_recovered_bits_are_shown_by_text_by_token_and_by_dimension():
    by_text, by_token, by_dimension = (lines_of(ax) for ax in drawn("recovered_bits").axes)
    assert by_text["all bits of the text"][1] == pytest.approx(BITS * np.array(LENGTHS))
    kept = np.array([1 - unrecovered(BITS * 16 / dim) for dim in (*DIMENSIONS, NATIVE)])
    assert by_token["16 tokens"][1] == pytest.approx(kept * BITS)
    assert by_dimension["16 tokens"][1] == pytest.approx(
        kept * BITS * 16 / np.array([*DIMENSIONS, NATIVE])
    )


def test_l50_grows_with_the_dimension_as_the_law_says_and_arrows_stand_for_what_lies_outside():
    figure = drawn("horizon")
    half = figure.axes[0]
    line = np.array(half.containers[0][0].get_data(), float)
    at = {dim: value for dim, value in line.T if np.isfinite(value)}
    for dim in (64, 128, 256, NATIVE):
        assert at[dim] == pytest.approx(0.5 * dim / BITS, rel=0.05)
    below = [one for one in half.lines if one.get_marker() == "v" and len(one.get_xdata())]
    assert [list(one.get_xdata()) for one in below] == [[16]]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["one", "less than 2 tokens"]


def test_the_exact_horizon_is_the_longest_length_of_which_90_percent_are_exact():
    line = np.array(drawn("horizon").axes[1].containers[0][0].get_data(), float)
    reached = [n for n in LENGTHS if exact(BITS * n / NATIVE) >= 0.9]
    assert dict(line.T)[NATIVE] == max(reached)


def test_a_law_of_load_alone_collapses_on_load_and_not_on_length():
    left, right = (float(ax.texts[0].get_text().rsplit(" ", 1)[1]) for ax in drawn("collapse").axes)
    assert left > 0.1 and right < 0.001


def test_a_training_is_a_line_that_ends_at_its_budget():
    figure = drawn("nll_by_compute")
    assert [ax.get_title(loc="left") for ax in figure.axes[:4]] == [
        f"{n} tokens" for n in (2, 8, 32, 128)
    ]
    assert ["384" in figure.axes[0].get_ylabel(), "16" in figure.axes[4].get_ylabel()] == [True] * 2
    ends = [line.get_xdata()[-1] for line in figure.axes[1].lines[: len(BUDGETS)]]
    assert ends == pytest.approx([budget * 1.08 for budget in BUDGETS.values()])
    bits = [line.get_ydata()[-1] for line in figure.axes[1].lines[: len(BUDGETS)]]
    told = [BITS * unrecovered(BITS * 8 / NATIVE, budget * 1.08) for budget in BUDGETS.values()]
    assert bits == pytest.approx(told, abs=0.1)
    assert figure.axes[1].lines[-1].get_ydata()[0] == pytest.approx(BITS)


def test_reductions_are_compared_at_equal_size_beside_the_native_embedding():
    ax = drawn("reductions").axes[1]
    pca, prefix, random, native = (np.array(one[0].get_data(), float) for one in ax.containers)
    assert (pca[1] > prefix[1]).all() and (prefix[1] > random[1]).all()
    assert pca[0] == pytest.approx(DIMENSIONS, rel=0.05)
    assert native.T.tolist() == [[NATIVE, exact(BITS * 8 / NATIVE)]]


def colours_of(ax):
    found = [
        patch for patch in ax.patches if isinstance(patch, Rectangle) and not patch.get_hatch()
    ]
    return {
        (round(p.get_y() + 0.5), round(p.get_x() + 0.5)): to_hex(p.get_facecolor()) for p in found
    }


def test_cells_are_limited_by_the_attacker_where_more_compute_still_helps():
    made = tables(half=0.001)
    colours = colours_of(drawn("attacker_limit", made).axes[0])
    assert colours[4, 4] == COLOURS["attacker-limited"]  # 32 tokens in 256 dimensions
    assert colours[6, 0] == COLOURS["information-limited"]  # 128 tokens in 16
    undecided = colours_of(drawn("attacker_limit", tables(half=0.5)).axes[0])
    assert set(undecided.values()) == {COLOURS["undecided"]}


def test_a_cell_without_a_second_budget_is_hatched():
    made = tables()
    table = made.measurements
    only = table[(table["length"] != 8) | (table["dim"] != 32) | (table["inverter"] == "large")]
    figure = drawn(
        "attacker_limit", Tables(only, made.texts, made.retrieval, histories=made.histories)
    )
    assert hatched(figure.axes[0]) == [(2, 1)]


def test_one_budget_gives_no_figure_of_limits_but_a_line_that_says_so():
    with pytest.raises(TextbackError, match="no cell was trained with two budgets"):
        drawn("attacker_limit", inverters=("large",))


def of_two_native_sizes():
    """Of a second embedder there is only the native size, and it is one that the first has not."""
    made = tables(embedders=("minilm", "use"))
    table = made.measurements
    kept = table[(table["embedder"] == "minilm") | (table["reduction"] == "native")]
    other = kept["embedder"] == "use"
    return dataclasses.replace(made, measurements=kept.assign(dim=kept["dim"].mask(other, 512)))


@pytest.mark.parametrize("name", ["by_length", "recovered_bits", "collapse"])
def test_a_size_has_one_colour_and_marker_in_all_panels_and_the_legend_has_them_all(name):
    figure = drawn(name, of_two_native_sizes())
    styles = {}
    for ax in figure.axes:
        for container in ax.containers:
            line, label = container[0], container.get_label()
            styles.setdefault(label, set()).add((to_hex(line.get_color()), line.get_marker()))
    assert all(len(kinds) == 1 for kinds in styles.values())
    sizes = [label for label in styles if "dimensions" in label]
    assert len(set.union(*(styles[label] for label in sizes))) == len(sizes) == len(DIMENSIONS) + 2
    named = {text.get_text() for legend in figure.legends for text in legend.get_texts()}
    assert named >= set(sizes)
    assert any("512" in label for label in sizes)


@pytest.mark.parametrize("name", ["by_dimension", "recovered_bits", "by_length", "collapse"])
def test_no_point_is_beyond_an_axis_that_embedders_share(name):
    for ax in drawn(name, of_two_native_sizes()).axes:
        low, high = ax.get_xlim()
        for points in lines_of(ax).values():
            there = np.isfinite(points[1])
            assert ((points[0][there] >= low) & (points[0][there] <= high)).all()
