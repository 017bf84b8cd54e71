"""The figure of measures by round, on a table made up."""

from itertools import product

import pandas as pd
import pytest
from matplotlib import pyplot as plt

from textback.figures import Tables, by_round

BEAMS = (1, 4)


@pytest.fixture
def panels():
    """Of texts that nothing comes back of, with two beams."""
    rows = [
        {
            **{"corpus": "c", "embedder": "e", "inverter": "i", "length": 8},
            **{"reduction": "native", "dim": 384, "metric": metric, "baseline": baseline},
            **{"round": number, "beam": beam, "value": 0.0, "low": 0.0, "high": 0.008},
        }
        for metric, beam, number in product(by_round.METRICS, BEAMS, range(3))
        for baseline in ("", "shuffled", "nearest")
    ]
    figure = by_round.draw(Tables(pd.DataFrame(rows), pd.DataFrame(), pd.DataFrame()))
    yield dict(zip(by_round.METRICS, figure.axes, strict=True))
    plt.close(figure)


def test_beams_are_told_apart_by_line_and_by_marker(panels):
    lines = {box.get_label(): box.lines[0] for box in panels["bleu"].containers}
    widest, narrow = (lines[f"384 dimensions (native), beam {beam}"] for beam in BEAMS[::-1])
    assert narrow.get_markerfacecolor() == "white" != widest.get_markerfacecolor()
    assert narrow.get_linestyle() != widest.get_linestyle()


@pytest.mark.parametrize(("metric", "least"), [("bleu", 10.0), ("exact_match", 0.1)])
def test_intervals_about_zero_do_not_fill_a_panel(panels, metric, least):
    bottom, top = panels[metric].get_ylim()
    assert bottom == 0.0 and top == pytest.approx(least)
