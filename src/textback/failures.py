"""Why a workflow failed, from its log: the steps' own last words, to stand at its very end."""

import re
from collections.abc import Iterable
from pathlib import Path

OF_STEP = re.compile(r"^ +log: (.+) \(check log file\(s\) for error details\)$", re.MULTILINE)
TIME = re.compile(r"^\d\d:\d\d:\d\d ")
MARK = "textback: error: "


def last_words(logs: Iterable[Path]) -> list[str]:
    """A line a failed step: its error, or else the last line of its log.

    logs: of Snakemake, which name the log of every step that failed
    """
    said = "".join(map(_text, logs))
    return [f"{path}: {_last(Path(path))}" for path in dict.fromkeys(OF_STEP.findall(said))]


def _last(log: Path) -> str:
    lines = [TIME.sub("", line).strip() for line in _text(log).splitlines() if line.strip()]
    errors = [line for line in lines if MARK in line]
    return ([*lines, *errors] or ["nothing was logged"])[-1]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
