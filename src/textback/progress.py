"""What a running step says: log lines, and a bar where somebody watches.

`configure` sends the log to stderr and, for a step of the workflow, to its log file. `Meter` shows
a bar in a terminal; elsewhere, and in a workflow whose steps share the screen, it logs a line every
LOG_SECONDS. `doing` does so for work that cannot be counted.
"""

import logging
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from textback.errors import TextbackError
from textback.processes import in_workflow, is_leader

log = logging.getLogger("textback")

LOG_SECONDS = 15


def configure(log_file: Path | None) -> None:
    """Log to stderr and, if given, to a file that is started anew.

    A step of the workflow has a log file, and other steps beside it on the screen: its lines on
    stderr begin with the file's name.
    """
    screen = logging.StreamHandler(sys.stderr)
    label = "" if log_file is None else f"{log_file.with_suffix('')}: "
    screen.setFormatter(logging.Formatter(label + "%(message)s"))
    handlers: list[logging.Handler] = [screen]
    if log_file is not None and is_leader():
        try:
            log_file.parent.mkdir(parents=True, exist_ok=True)
            to_file = logging.FileHandler(log_file, mode="w", encoding="utf-8")
        except OSError as error:
            raise TextbackError(f"log {log_file}: cannot be written ({error.strerror})") from None
        to_file.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
        handlers.append(to_file)
    log.handlers = handlers
    log.setLevel(logging.INFO if is_leader() else logging.WARNING)
    log.propagate = False


@contextmanager
def doing(label: str) -> Iterator[Callable[[str], None]]:
    """Yield what is told the work of the moment, and shows it where somebody watches.

    Elsewhere it logs the first such line, and one every LOG_SECONDS.
    """
    from rich.console import Console

    screen = Console(stderr=True)
    if screen.is_terminal:
        with screen.status("") as status:
            yield status.update
        return
    logged = -math.inf

    def say(text: str) -> None:
        nonlocal logged
        if time.monotonic() - logged >= LOG_SECONDS:
            logged = time.monotonic()
            log.info("%s: %s", label, text)

    yield say


class Meter:
    """Shows how far a long step is: `advance` it; `note` is shown beside the count."""

    def __init__(self, label: str, total: int, unit: str, done: int = 0) -> None:
        self._label, self._total, self._unit = label, total, unit
        self._done = self._start = done
        self._note = ""
        self._began = self._logged = time.monotonic()
        self._bar = (
            tqdm(total=total, initial=done, desc=label, unit=f" {unit}", leave=False)
            if sys.stderr.isatty() and not in_workflow() and is_leader()
            else None
        )

    def advance(self, by: int, note: str = "") -> None:
        """Count `by` more as done."""
        self._done += by
        self._note = note or self._note
        if self._bar is not None:
            self._bar.set_postfix_str(self._note, refresh=False)
            self._bar.update(by)
        elif self._done < self._total and time.monotonic() - self._logged >= LOG_SECONDS:
            self._logged = time.monotonic()
            log.info(self._line())

    def close(self) -> None:
        """Remove the bar and log the last line."""
        if self._bar is not None:
            self._bar.close()
        log.info(self._line())

    def _line(self) -> str:
        seconds = max(time.monotonic() - self._began, 1e-9)
        rate = (self._done - self._start) / seconds
        left = (self._total - self._done) / rate if rate else float("inf")
        parts = [
            f"{self._label}: {self._done:,}/{self._total:,} {self._unit}",
            f"{rate:,.0f}/s",
            f"{left:.0f} s left" if self._done < self._total else f"in {seconds:.0f} s",
        ]
        return ", ".join(parts + ([self._note] if self._note else []))
