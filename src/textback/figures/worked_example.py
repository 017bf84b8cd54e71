"""A text through its rounds: what the inverter held at each, and how near its embedding came."""

import textwrap

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from textback.counted import counted
from textback.figures import Tables
from textback.figures.settings import attacks
from textback.figures.style import GREY, WIDTH
from textback.trace import changes

LINE = 62  # characters a line of text
FONT = 8.5  # points
CHARACTER = 0.602 * FONT / 72  # inches: the monospaced font's advance
ROW, COSINE_AT, TEXT_AT = 0.24, 0.95, 1.6  # inches
FOUND, WRONG = "#00336e", "#b05a00"


def choose(texts: pd.DataFrame) -> pd.DataFrame:
    """The rounds of one text that shows the method: wrong at first, and most often improved.

    Of the first corpus and embedder, the longest length and the largest dimension, among the texts
    that end best (by cosine) after an imperfect first guess, the one with the most distinct
    hypotheses on its way.
    """
    found = attacks(texts)
    first = found[0].iloc[0]
    same = [
        rows
        for rows in found
        if (rows[["corpus", "embedder"]].iloc[0] == first[["corpus", "embedder"]]).all()
    ]
    cell = max(same, key=lambda rows: rows["length"].iloc[0])
    cell = cell[cell["seed"] == cell["seed"].min()]
    steps = cell.groupby("text")["hypothesis"].nunique()
    end = cell[cell["round"] == cell["round"].max()].set_index("text")["cosine"].round(3)
    order = pd.DataFrame({"end": end, "steps": steps}).sort_values(
        ["end", "steps"], ascending=False, kind="stable"
    )
    improved = order[order["steps"] > 1]
    best = (improved if len(improved) else order).index[0]
    return cell[cell["text"] == best].sort_values("round")


def heading(rounds: pd.DataFrame) -> str:
    """Whose example it is, in one line."""
    first = rounds.iloc[0]
    return (
        f"{first['corpus']}, {first['embedder']}, {counted(first['length'], 'token')}, "
        f"{counted(first['dim'], 'dimension')}, beam {first['beam']}, {first['search']} search"
    )


def as_text(rounds: pd.DataFrame) -> str:
    """The example as plain text."""
    lines = [heading(rounds), f"target          {rounds.iloc[0]['reference']}"]
    for row in changes(rounds).itertuples():
        lines.append(f"round {row.round:<3} {row.cosine:.4f} {row.hypothesis}")
    return "\n".join(lines) + "\n"


def draw(tables: Tables) -> Figure:
    """The example as a picture: words of the target upright blue, others in orange italics."""
    rounds = choose(tables.texts)
    reference = rounds.iloc[0]["reference"]
    lines = [("target", "", reference)] + [
        (f"round {row.round}", f"{row.cosine:.3f}", row.hypothesis)
        for row in changes(rounds).itertuples()
    ]
    wrapped = [(name, cosine, textwrap.wrap(text, LINE)) for name, cosine, text in lines]
    above = textwrap.wrap(heading(rounds), int((WIDTH - 0.2) / CHARACTER))
    height = ROW * (1.5 + len(above) + sum(len(parts) for _, _, parts in wrapped))
    figure = plt.figure(figsize=(WIDTH, height))
    y = height - ROW
    for line in above:
        _write(figure, 0.1, y, line, color=GREY)
        y -= ROW
    _write(figure, COSINE_AT, y, "cosine", color=GREY)
    for name, cosine, parts in wrapped:
        y -= ROW
        _write(figure, 0.1, y, name, weight="bold" if name == "target" else "normal")
        _write(figure, COSINE_AT, y, cosine)
        for part in parts:
            _words(figure, y, part, set(reference.split()))
            y -= ROW
        y += ROW
    return figure


def _write(figure: Figure, x: float, y: float, text: str, **style: object) -> None:
    """Write at a place in inches from the lower left corner."""
    width, height = figure.get_size_inches()
    figure.text(x / width, y / height, text, family="DejaVu Sans Mono", fontsize=FONT, **style)


def _words(figure: Figure, y: float, line: str, target: set[str]) -> None:
    column = 0
    for word in line.split():
        found = word in target
        style = {"color": FOUND} if found else {"color": WRONG, "style": "italic"}
        _write(figure, TEXT_AT + column * CHARACTER, y, word, **style)
        column += len(word) + 1
