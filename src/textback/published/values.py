"""The published numbers (`resources/published/`), in our units and under our metrics' names."""

from functools import cache
from pathlib import Path

import pandas as pd

from textback.errors import TextbackError
from textback.files import read_csv

FILE = Path(__file__).parents[3] / "resources" / "published" / "vec2text.csv"

# Of a published metric: what it is called here, and what it is divided by. The paper's BLEU is the
# mean of sentence BLEUs, and its token F1 counts a word once (resources/published/README.md).
UNITS = {
    "bleu": ("bleu_sentence", 1),
    "token_f1": ("token_f1_set", 100),
    "exact_match": ("exact_match", 100),
    "cosine": ("cosine", 1),
    "ndcg_at_10": ("ndcg_at_10", 1),
}
RENAMED = {
    "embedder": "published_embedder",
    "beam": "published_beam",
    "value": "published",
    "n": "published_n",
}


@cache
def listed() -> pd.DataFrame:
    """The file as it is, a row a number. Raises TextbackError where a checkout lacks it."""
    if not FILE.exists():
        raise TextbackError(
            f"{FILE}: missing: the published values come with a checkout of textback, not with an "
            "installed package: run from a checkout, or leave the key 'published' out"
        )
    return read_csv(FILE)


def converted() -> pd.DataFrame:
    """The numbers in our units, a row a number, with half a unit of its last digit as `rounding`.

    Metrics that have no counterpart here keep their names and units.
    """
    table = listed().rename(columns=RENAMED)
    names = table["metric"]
    by = names.map({metric: unit for metric, (_, unit) in UNITS.items()}).fillna(1)
    table["rounding"] = _rounding(table) / by
    table["published"] = table["published"] / by
    table["metric"] = names.map({m: ours for m, (ours, _) in UNITS.items()}).fillna(names)
    table["published_n"] = pd.to_numeric(table["published_n"], errors="coerce")
    return table


def _rounding(table: pd.DataFrame) -> pd.Series:
    """Half a unit of the last digit that a source gives of a metric, in the metric's own unit."""
    written = table["published"].map(lambda value: f"{value:.6f}".rstrip("0"))
    digits = written.map(lambda text: len(text.partition(".")[2]))
    group = [table["figure"], table["source"], table["metric"]]
    return 0.5 * 10.0 ** -digits.groupby(group).transform("max")
