"""What all figures share."""

import dataclasses

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib import pyplot as plt

from textback.figures.style import FONT, apply_style, octaves


def test_every_value_of_an_axis_has_its_label():
    figure, ax = plt.subplots()
    octaves(ax, [4, 6, 8])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["4", "6", "8"]
    plt.close(figure)


def test_a_systems_font_of_the_same_name_draws_nothing(monkeypatch):
    fonts = font_manager.fontManager.ttflist
    own = next(font for font in fonts if font.fname == font_manager.findfont(FONT))
    system = dataclasses.replace(own, fname="/usr/share/fonts/DejaVuSans.ttf")
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [system, *fonts])
    apply_style()
    left = [font.fname for font in font_manager.fontManager.ttflist if font.name == FONT]
    assert own.fname in left
    assert all(name.startswith(mpl.get_data_path()) for name in left)
