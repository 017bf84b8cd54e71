"""The figures of entity recall and of errors by word frequency, on tables made up."""

import numpy as np
import pandas as pd
import pytest

from textback.figures import Tables, entity_recall, errors_by_frequency
from textback.word_errors import EDGES

SIZES = [("pca", 64), ("native", 384)]
VALUES = {"": 0.8, "shuffled": 0.1, "nearest": 0.4}
KINDS = ["word_recall", "rare_word_recall", "name_recall", "number_recall"]


def places(lengths):
    """The rows' place: every length, size and baseline, round and beam; the last ones count."""
    for length in lengths:
        for reduction, dim in SIZES:
            for baseline, value in VALUES.items():
                ends = [(0, 1)] if baseline == "nearest" else [(0, 1), (0, 4), (9, 1), (9, 4)]
                for end in ends:
                    last = end == ends[-1]
                    yield {
                        **{"part": "main", "corpus": "c", "embedder": "e", "inverter": "i"},
                        **{"target_corpus": "c", "target_length": length, "perturbation": "none"},
                        "length": length,
                        "reduction": reduction,
                        "dim": dim,
                        "baseline": baseline,
                        "round": end[0],
                        "beam": end[1],
                        "value": value * dim / 384 + length / 1000 if last else 0.99,
                        "n": 10 * length,
                    }


def with_intervals(rows):
    table = pd.DataFrame(rows)
    return table.assign(low=table["value"] - 0.01, high=table["value"] + 0.01)


def recalled(lengths=(4, 8), kinds=KINDS):
    rows = [place | {"metric": kind} for place in places(lengths) for kind in kinds]
    return Tables(with_intervals(rows), pd.DataFrame(), pd.DataFrame())


def by_frequency(lengths=(4, 8)):
    rows = [place | {"from_per_million": e} for place in places(lengths) for e in EDGES]
    return Tables(*[pd.DataFrame()] * 3, word_errors=with_intervals(rows))


def heights(ax):
    """The values of each series of points, by its label."""
    return {
        container.get_label(): np.array(container.lines[0].get_ydata(), float)
        for container in ax.containers
    }


def test_every_length_has_a_panel_with_each_size_and_both_baselines_at_the_largest():
    figure = entity_recall.draw(recalled())
    assert figure.get_suptitle() == "round 9, beam 4"
    for ax, length in zip(figure.axes, (4, 8), strict=True):
        assert ax.get_title(loc="left") == f"{length} tokens"
        shown = {label: set(values.round(6)) for label, values in heights(ax).items()}
        assert shown == {
            "64 dimensions (pca)": {round(0.8 * 64 / 384 + length / 1000, 6)},
            "384 dimensions (native)": {round(0.8 + length / 1000, 6)},
            "shuffled embeddings (null)": {round(0.1 + length / 1000, 6)},
            "nearest training passage": {round(0.4 + length / 1000, 6)},
        }


def test_a_kind_says_how_many_texts_have_any_and_one_that_none_has_is_left_out():
    (ax,) = entity_recall.draw(recalled(lengths=(8,), kinds=["word_recall", "name_recall"])).axes
    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert labels == ["all words\n(n = 80)", "names\n(n = 80)"]


def of_two_embedders(table, part="main"):
    return pd.concat([table, table.assign(embedder="f", part=part)], ignore_index=True)


def test_two_embedders_have_a_panel_and_a_line_each():
    recalls, errors = recalled(lengths=(4,)), by_frequency(lengths=(4,))
    two = Tables(
        of_two_embedders(recalls.measurements),
        *[pd.DataFrame()] * 2,
        word_errors=of_two_embedders(errors.word_errors),
    )
    panels = entity_recall.draw(two).axes
    assert [ax.get_title(loc="left") for ax in panels] == ["e, 4 tokens", "f, 4 tokens"]
    assert set(heights(errors_by_frequency.draw(two).axes[0])) == {"e, 4 tokens", "f, 4 tokens"}


def test_only_the_first_part_is_shown_and_of_it_only_its_own_texts_unperturbed():
    table = recalled(lengths=(4,)).measurements
    others = [
        of_two_embedders(table, part="other"),
        table.assign(target_corpus="d", value=0.99),
        table.assign(perturbation="int8", value=0.99),
    ]
    more = Tables(pd.concat(others, ignore_index=True), pd.DataFrame(), pd.DataFrame())
    (ax,), (alone,) = (entity_recall.draw(t).axes for t in (more, recalled(lengths=(4,))))
    assert str(heights(ax)) == str(heights(alone))


def test_three_lengths_leave_the_fourth_panel_empty():
    axes = entity_recall.draw(recalled(lengths=(4, 8, 16))).axes
    assert [ax.axison for ax in axes] == [True, True, True, False]


def test_errors_by_frequency_have_a_line_a_length_and_baselines_beside():
    figure = errors_by_frequency.draw(by_frequency())
    assert figure.get_suptitle() == "384 dimensions (native), round 9, beam 4"
    for ax, baseline in zip(figure.axes, VALUES, strict=True):
        for length, values in zip((4, 8), heights(ax).values(), strict=True):
            assert values == pytest.approx([VALUES[baseline] + length / 1000] * len(EDGES))
    assert figure.axes[0].get_title(loc="left") == "inverter"
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels[0] == "never" and len(labels) == len(EDGES)
