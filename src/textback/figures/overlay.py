"""Published values on our figures: always black, dashed and hollow."""

import pandas as pd
from matplotlib.axes import Axes

from textback.figures.style import MARKERS, nth
from textback.published.pairs import STAND_IN

STYLE = {"color": "black", "markerfacecolor": "white", "markersize": 5, "linewidth": 1}


def chosen(published: pd.DataFrame, metric: str, *figures: str) -> pd.DataFrame:
    """The published values of one metric in some published figures, with the rows beside them."""
    rows = published[(published["metric"] == metric) & published["figure"].isin(figures)]
    return rows.sort_values(["steps", "published_beam"])


def label(rows: pd.DataFrame, method: bool = False) -> str:
    """What published values are called, with their method where there are several."""
    name = "published" if (rows["verdict"] != STAND_IN).any() else "published, of another setting"
    return f"{name}: {rows['method'].iloc[0].replace('-', ' ')}" if method else name


def lines(ax: Axes, rows: pd.DataFrame, x: str) -> None:
    """A dashed line a published method, by a column of the rows."""
    methods = list(rows["method"].unique())
    for index, method in enumerate(methods):
        own = rows[rows["method"] == method].drop_duplicates([x, "published"]).sort_values(x)
        ax.plot(
            own[x],
            own["published"],
            linestyle="--",
            marker=nth(MARKERS, index),
            zorder=4,
            label=label(own, method=len(methods) > 1),
            **STYLE,
        )


def points(ax: Axes, values: pd.Series, places: pd.Series, marker: str, name: str) -> None:
    """Published values along the x axis, at places up the y axis."""
    ax.plot(values, places, linestyle="none", marker=marker, zorder=4, label=name, **STYLE)
