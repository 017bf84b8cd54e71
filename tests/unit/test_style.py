"""What all figures share."""

from matplotlib import pyplot as plt

from textback.figures.style import octaves


def test_every_value_of_an_axis_has_its_label():
    figure, ax = plt.subplots()
    octaves(ax, [4, 6, 8])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["4", "6", "8"]
    plt.close(figure)
