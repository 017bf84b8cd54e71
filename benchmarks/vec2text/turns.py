"""Two processes take turns: while one measures, the other does nothing that is measured, too.

Both sides import this, each in its own environment: it needs nothing but Python.
"""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

LOCK = "TEXTBACK_TURNS"  # the environment's name of the file that they lock
_held = False


@contextmanager
def turn() -> Iterator[None]:
    """Wait for this process's turn; its GPU is idle as it begins and ends. One within it is it."""
    global _held
    path = os.environ.get(LOCK)
    if path is None or _held:
        yield
        return
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        _held = True
        _synchronise()
        try:
            yield
        finally:
            _synchronise()
            _held = False
            fcntl.flock(file, fcntl.LOCK_UN)  # a process forked meanwhile has the file open, too


def _synchronise() -> None:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.synchronize()
