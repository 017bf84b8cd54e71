"""Follows a page of the documentation word by word.

A fenced block whose first line is a comment with a file's name (`# my-study.yaml`) is that file; a
block of sh is run. Both in the order of the page, in one folder.
"""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from running import ROOT, environment

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"# ([\w/-]+\.\w+)\b")
CHECKOUT = ("Snakefile", "config.yaml", "config", "profiles", "workflow", "tests")


@dataclass(frozen=True)
class Block:
    """A fenced block. name: of the file it is, if it is one."""

    language: str
    name: str | None
    text: str


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in its order."""
    found = []
    for language, text in FENCE.findall(page.read_text(encoding="utf-8")):
        named = NAME.match(text)
        found.append(Block(language, named[1] if named else None, text))
    return found


def follow(page: Path, folder: Path) -> str:
    """Do what a page says in a folder that looks like the project's; returns what was printed."""
    for name in CHECKOUT:
        (folder / name).symlink_to(ROOT / name)
    printed = ""
    for block in blocks(page):
        if block.name is not None:
            (folder / block.name).write_text(block.text, encoding="utf-8")
        elif block.language == "sh":
            printed += _run(block.text, folder)
    return printed


def _run(script: str, folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-euxc", script],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
