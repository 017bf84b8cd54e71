"""The page "paper against ours" of the report."""

import html

import pandas as pd

from textback.pages.html import page, table
from textback.published.pairs import AGREES, DIFFERS, STAND_IN
from textback.published.words import how, own_setting, where

HEAD = (
    *("setting", "measure", "published", "ours", "difference", "verdict"),
    *("texts", "seeds", "device", "hours", "cost"),
)
MEANING = (
    "<p>Ours with its 95% interval; the difference is ours minus published. A published value "
    f"<b>{AGREES}</b> where it lies in our interval, widened by its own error: as many texts as it "
    "says, as scattered as ours, and its rounding. A <b>"
    f"{STAND_IN}</b> is a setting of ours (in brackets) that is not the published one: it shows "
    "that the comparison runs, and is not judged. Hours and cost are those of the embedding, the "
    "training (but for the null model's) and all inversions with its search and beam.</p>"
)


def published_page(pairs: pd.DataFrame, left_out: str) -> str:
    """A table for each published figure."""
    counts = pairs["verdict"].value_counts()
    said = ", ".join(
        f"{counts.get(verdict, 0)} {words}"
        for verdict, words in ((AGREES, "agree"), (DIFFERS, "differ"), (STAND_IN, "are stand-ins"))
    )
    tables = [
        f"<h2>{html.escape(name.replace('_', ' '))}</h2>"
        + f"<div class=cells>{table(HEAD, [_row(row) for _, row in rows.iterrows()])}</div>"
        for name, rows in pairs.groupby("figure", sort=False)
    ]
    return page(
        "Paper against ours",
        f"<p>{len(pairs)} comparisons: {said}.</p>",
        MEANING,
        *tables,
        f"<p>{html.escape(left_out)}.</p>" if left_out else "",
    )


def _row(row: pd.Series) -> list[str]:
    digits = 1 if "bleu" in row["metric"] else 3
    value, low, high = (f"{row[key]:.{digits}f}" for key in ("value", "low", "high"))
    why = f": {row['differs']}" if row["differs"] else ""
    own = f"<br><span>[{html.escape(own_setting(row) + why)}]</span>"
    name = html.escape(f"{where(row)}, {how(row)}") + (own if row["verdict"] == STAND_IN else "")
    return [
        name,
        row["metric"].replace("_", " "),
        f"{row['published']:.{digits}f}",
        f"{value} <span>[{low}, {high}]</span>",
        f"{row['difference']:+.{digits}f}",
        row["verdict"],
        f"{row['n']:.0f}",
        f"{row['seeds']:.0f}",
        html.escape(str(row["device"])),
        "" if pd.isna(row["hours"]) else f"{row['hours']:.2f}",
        f"${row['dollars']:.2f}" if row["dollars"] > 0 else "",
    ]
