"""`textback show`: the worst, median and best texts of a cell, through their rounds."""

from dataclasses import dataclass
from typing import Literal

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from textback.counted import counted
from textback.errors import TextbackError, unknown_name
from textback.metrics import bleu_sentence, exact_match
from textback.studies.names import path_name
from textback.trace import changes

MEASURES = {"bleu": "bleu_sentence", "cosine": "cosine"}  # what texts are ranked by
SHOWN_ROUNDS = {0, 1, 2, 3, 5, 10, 20, 30, 40, 50}  # of the summary, and the last
FOUND, WRONG = "blue", "dark_orange3"


@dataclass(frozen=True)
class Choice:
    """Which inversion of a cell is shown, and which of its texts. None: see `pick`."""

    part: str | None = None
    target_corpus: str | None = None
    target_length: int | None = None
    search: str | None = None
    perturbation: str | None = None
    beam: int | None = None
    by: Literal["bleu", "cosine"] = "bleu"
    round: int | None = None
    count: int = 1


def pick(texts: pd.DataFrame, choice: Choice) -> pd.DataFrame:
    """The rows of one inversion of a cell (see `textback.table`), a row a text and round.

    Where `choice` says nothing: the cell's own test texts, unperturbed, the study's first part and
    search, the widest beam. Raises TextbackError, one line, for what the cell does not have.
    """
    first = texts.iloc[0]
    usual = {
        "target_corpus": first["corpus"],
        "target_length": first["length"],
        "perturbation": "none",
        "part": None,
        "search": None,
        "beam": None,
    }
    asked = {column: wanted for column in usual if (wanted := getattr(choice, column)) is not None}
    for column, wanted in (asked | {c: v for c, v in usual.items() if c not in asked}).items():
        there = list(texts[column].unique())
        if column in asked and wanted not in there:
            raise unknown_name(f"{column.replace('_', ' ')} of this cell", wanted, map(str, there))
        otherwise = max(there) if column == "beam" else there[0]
        texts = texts[texts[column] == (wanted if wanted in there else otherwise)]
    return texts


def ranked(texts: pd.DataFrame, by: str, number: int) -> list[int]:
    """The numbers of an inversion's texts from the worst to the best at a round.

    By sentence BLEU, or by cosine; equal ones by the other, then in their order.
    """
    measures = [MEASURES[by], *(other for name, other in MEASURES.items() if name != by)]
    at = texts[texts["round"] == number].sort_values([*measures, "text"], kind="stable")
    return at["text"].tolist()


def chosen(ranking: list[int], count: int) -> dict[str, list[int]]:
    """The `count` worst, middle and best of a ranking; the same text never twice."""
    if len(ranking) < 3 * count:
        return {"all, worst first": ranking}
    start = (len(ranking) - count) // 2
    return {
        "worst": ranking[:count],
        "median": ranking[start : start + count],
        "best": ranking[-count:][::-1],
    }


def show(texts: pd.DataFrame, choice: Choice, console: Console) -> None:
    """Print an inversion of a cell: its rounds in numbers, then its chosen texts."""
    texts = _measured(pick(texts, choice))
    rounds = sorted(texts["round"].unique())
    last = rounds[-1] if choice.round is None else choice.round
    if last not in rounds:
        raise TextbackError(f"show: no round {last}: this cell has 0 to {rounds[-1]}")
    _say_what(texts, choice.by, last, console)
    console.print(_summary(texts, [n for n in rounds if n in SHOWN_ROUNDS | {last, rounds[-1]}]))
    groups = chosen(ranked(texts, choice.by, last), choice.count)
    for group, numbers in groups.items():
        for number in numbers:
            _show_text(group, texts[texts["text"] == number].sort_values("round"), console)


def _measured(texts: pd.DataFrame) -> pd.DataFrame:
    """The texts with their sentence BLEU, which traces do not have."""
    if "bleu_sentence" in texts:
        return texts
    pairs = zip(texts["hypothesis"], texts["reference"], strict=True)
    return texts.assign(bleu_sentence=[bleu_sentence(*pair) for pair in pairs])


def _say_what(texts: pd.DataFrame, by: str, last: int, console: Console) -> None:
    first = texts.iloc[0]
    console.print(f"cell {path_name(first)}", style="bold")
    number, length = texts["text"].nunique(), first["target_length"]
    of = [f"{counted(number, 'text')} of {counted(length, 'token')}"]
    if first["target_corpus"] != first["corpus"]:
        of.append(f"of {first['target_corpus']}")
    if first["perturbation"] != "none":
        of.append(f"perturbed by {first['perturbation']}")
    of += [f"search {first['search']}", f"beam {first['beam']}"]
    name = "sentence BLEU" if by == "bleu" else "cosine"
    console.print(f"{', '.join(of)}; ranked by {name} at round {last}", style="dim")


def _summary(texts: pd.DataFrame, rounds: list[int]) -> Table:
    """What the worst, the median and the best text reach, a row a round."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("round", "exact match", "BLEU: worst", "median", "best"):
        table.add_column(name, justify="right")
    for name in ("cosine: worst", "median", "best"):
        table.add_column(name, justify="right")
    for number in rounds:
        at = texts[texts["round"] == number]
        exact = [exact_match(*pair) for pair in zip(at["hypothesis"], at["reference"], strict=True)]
        spread = [at[measure].quantile([0, 0.5, 1]) for measure in MEASURES.values()]
        table.add_row(
            str(number),
            f"{100 * sum(exact) / len(exact):.1f}%",
            *(f"{value:.1f}" for value in spread[0]),
            *(f"{value:.3f}" for value in spread[1]),
        )
    return table


def _show_text(group: str, rounds: pd.DataFrame, console: Console) -> None:
    """A text's target, and what was held at each round that changed it."""
    first = rounds.iloc[0]
    console.print(f"\n{group} (text {first['text']})", style="bold")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=True)
    for name in ("round", "BLEU", "cosine"):
        table.add_column(name, justify="right")
    table.add_column("text", overflow="fold")
    table.add_row("target", "", "", Text(first["reference"]))
    words = set(first["reference"].split())
    for row in changes(rounds).itertuples():
        told = (str(row.round), f"{row.bleu_sentence:.1f}", f"{row.cosine:.3f}")
        table.add_row(*told, _told_apart(row.hypothesis, words))
    console.print(table)


def _told_apart(hypothesis: str, target: set[str]) -> Text:
    """The words of the target in one colour, the others in another and in italics."""
    text = Text()
    for word in hypothesis.split():
        text.append(word + " ", style=FOUND if word in target else f"italic {WRONG}")
    return text
