"""Does more compute still help? The gain of the two largest training budgets of each cell.

The gain is the share of a text's bits that a doubling of the training FLOPs recovers beyond what
was recovered before,

    gain = (u(C₁) − u(C₂)) / log₂(C₂ / C₁),

with u the unrecovered fraction, and C₁ < C₂ the hypothesizer's training FLOPs under the two largest
budgets. Whole trainings are compared, never the end of one: a learning rate that falls to 0 makes
every end look as if more compute would help.

recovered            at most 5% of the bits are left: there is no more to gain
information-limited  a doubling gains less than 1% of the bits, at either end of its interval
attacker-limited     it gains more than chance explains
undecided            the interval allows both
"""

import numpy as np
import pandas as pd

LEFT = 0.05  # share of the bits
WORTH = 0.01  # share of the bits a doubling
CLASSES = ("attacker-limited", "undecided", "information-limited", "recovered")
COLUMNS = ["gain", "gain_low", "gain_high", "doublings", "limit"]


def compute_gains(cells: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """A row for each point of the columns `by` with two budgets or more: the columns COLUMNS.

    cells: a row a point and budget, with `value`, `low`, `high` (of u) and `flops`. Both intervals
    are taken as independent; they share their texts, so that the gain's is rather too wide.
    """
    rows = []
    for point, own in cells.groupby(by, sort=False):
        own = own.sort_values("flops").tail(2)
        if own["flops"].nunique() == 2:
            rows.append({**dict(zip(by, point, strict=True)), **_gain(*own.itertuples())})
    return pd.DataFrame(rows, columns=[*by, *COLUMNS])


def _gain(less, more) -> dict[str, object]:  # noqa: ANN001 - rows, as pandas names them
    doublings = float(np.log2(more.flops / less.flops))
    gained = less.value - more.value
    down = np.hypot(less.value - less.low, more.high - more.value)
    up = np.hypot(less.high - less.value, more.value - more.low)
    gain, low, high = (g / doublings for g in (gained, gained - down, gained + up))
    limit = limit_of(gain_low=low, gain_high=high, left=more.value)
    values = (gain, low, high, doublings, limit)
    return dict(zip(COLUMNS, values, strict=True))


def limit_of(gain_low: float, gain_high: float, left: float) -> str:
    """What keeps a cell from more, of CLASSES: by its gain's interval and the bits it has left."""
    if left <= LEFT:
        return "recovered"
    if gain_high < WORTH:
        return "information-limited"
    return "attacker-limited" if gain_low > 0 else "undecided"
