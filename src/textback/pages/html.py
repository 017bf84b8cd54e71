"""The pages' look, and how numbers are shown on them."""

import html
import math
from collections.abc import Iterable, Sequence

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em; color: #222; max-width: 70em; }
table { border-collapse: collapse; margin: 1em 0; }
th, td { padding: .3em .8em; text-align: right; border-bottom: 1px solid #ddd; }
th { border-bottom: 2px solid #888; vertical-align: bottom; }
td.name, th.name { text-align: left; min-width: 11em; }
td span, th span { color: #777; font-size: 85%; font-weight: normal; white-space: nowrap; }
figure { margin: 2em 0; }
figure svg { width: 100%; height: auto; }
figcaption, .note { color: #555; font-size: 90%; }
.cells { font-size: 85%; overflow-x: auto; } .cells th, .cells td { padding: .3em .5em; }
pre, code { background: #f3f3f3; padding: .1em .3em; }
pre { padding: .8em; white-space: pre-wrap; overflow-wrap: anywhere; }
"""
NAMES = {
    "exact_match": "exact match",
    "bleu": "BLEU",
    "token_f1": "token F1",
    "cosine": "cosine",
}
PERCENT = {"exact_match"}


def page(title: str, *parts: str) -> str:
    """A whole page."""
    title = html.escape(title)
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
        f"<style>{STYLE}</style><h1>{title}</h1>{''.join(parts)}</html>\n"
    )


def number(metric: str, value: float, sign: str = "") -> str:
    """A measurement for a person: exact match in percent, a missing one as a dash."""
    if math.isnan(value):
        return "–"
    if metric in PERCENT:
        return f"{100 * value:{sign}.1f}%"
    digits = 1 if "bleu" in metric or "bits" in metric else 3
    return f"{value:{sign}.{digits}f}"


def interval(metric: str, low: float, high: float) -> str:
    """An interval, without the unit."""
    return "[{}, {}]".format(*(number(metric, end).removesuffix("%") for end in (low, high)))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], names: int = 1) -> str:
    """A table of cells that are HTML already; the first `names` columns are words, to the left."""

    def line(cells: Sequence[str], tag: str) -> str:
        return "".join(
            f"<{tag}{' class=name' if i < names else ''}>{cell}</{tag}>"
            for i, cell in enumerate(cells)
        )

    body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    return f"<table><tr>{line(head, 'th')}</tr>{body}</table>"


def paragraphs(sentences: Iterable[str]) -> str:
    """A list of sentences, each of plain text."""
    return "<ul>" + "".join(f"<li>{html.escape(said)}</li>" for said in sentences) + "</ul>"
