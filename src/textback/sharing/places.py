"""Where results lie that came from elsewhere: a folder an archive, with the paths of `results/`.

    results/imported/<study>/<archive>/manifest.json
    results/imported/<study>/<archive>/cells/…/trace.parquet

What was imported is taken before what is here, whatever is made here later: so a study's inputs do
not change while it runs. To compute a cell here after all, delete the archive's folder.
"""

import os
from functools import cache
from pathlib import Path

from textback.cells import RESULTS

IMPORTED = RESULTS / "imported"


def archives(study: str) -> list[Path]:
    """The folders of a study's imported archives, in a fixed order."""
    return _archives(study, os.getcwd())


@cache
def _archives(study: str, here: str) -> list[Path]:
    """Read once a process, for the thousands of paths of a study. here: the working directory"""
    return sorted(path.parent for path in (IMPORTED / study).glob("*/manifest.json"))


def look_again() -> None:
    """Called where archives have come or gone: they are read anew."""
    _archives.cache_clear()


def place(study: str, path: Path) -> Path:
    """Where a product lies: in an archive that has it, or else at its own path."""
    folders = archives(study)
    if not folders:
        return path
    inside = path.relative_to(RESULTS)
    found = (archive / inside for archive in folders)
    return next((there for there in found if there.exists()), path)


def imported(path: Path) -> bool:
    """Whether a product lies in an archive."""
    return path.is_relative_to(IMPORTED)
