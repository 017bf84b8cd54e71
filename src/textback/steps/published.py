"""Put the published numbers beside a study's own: published.csv and its page."""

from pathlib import Path

import pandas as pd

from textback.config.published import Published
from textback.counted import counted
from textback.files import replacing
from textback.progress import log
from textback.published.costs import with_costs
from textback.published.page import published_page
from textback.published.pairs import left_out, left_out_line, pair
from textback.published.values import converted
from textback.schema import read_measured
from textback.specs import Spec
from textback.table import RETRIEVAL_COLUMNS, write_csv


def compare(spec: Spec, folder: Path) -> None:
    """Write published.csv and published.html into the folder of a study that has its tables."""
    values, parts = converted(), spec["parts"]
    searched = folder / "retrieval.csv"
    entries = {name: [Published(**one) for one in parts[name]["published"]] for name in parts}
    sets = {name: parts[name]["use_retrieval_sets"] for name in parts}
    pairs = pair(
        values,
        read_measured(folder / "table.csv"),
        read_measured(folder / "pooled.csv"),
        read_measured(searched) if searched.exists() else pd.DataFrame(columns=RETRIEVAL_COLUMNS),
        entries,
        sets,
    )
    line = left_out_line(left_out(values, pairs))
    rounds = {name: parts[name]["rounds"] for name in parts}
    pairs = with_costs(pairs, read_measured(folder / "costs.csv"), spec["owners"], rounds)
    write_csv(folder / "published.csv", pairs)
    with replacing(folder / "published.html") as temporary:
        temporary.write_text(published_page(pairs, line), encoding="utf-8")
    log.info("published values: %s", counted(len(pairs), "comparison"))
    if line:
        log.info(line)
