"""One process at a time in a folder; the lock goes with the process, however it ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from textback.errors import TextbackError

_held: list[TextIO] = []  # locks of this process that last as long as it does


def hold(folder: Path) -> None:
    """Hold a folder until this process ends. Raises TextbackError as `locked` does."""
    _held.append(_lock(folder))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder for this process.

    Raises TextbackError where another process holds it.
    """
    with _lock(folder):
        yield


def _lock(folder: Path) -> TextIO:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = open(folder / "lock", "w")  # noqa: SIM115, closed and so unlocked by its holder
    except OSError as error:
        raise TextbackError(
            f"{folder}: cannot be written ({error.strerror}): free some space or change its rights"
        ) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise TextbackError(
            f"{folder}: another process works here: wait for it, or stop it first"
        ) from None
    return file
