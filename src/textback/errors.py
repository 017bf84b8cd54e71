"""Errors a user can cause and mend: one line that names the thing, the problem and the way out."""

import difflib
from collections.abc import Iterable

SAME = {"gpu": "cuda"}  # what people say, and is not spelled alike


class TextbackError(Exception):
    """Something the user can mend. The message is shown as it is, without a traceback."""


def unknown_name(what: str, name: str, valid: Iterable[str]) -> TextbackError:
    """The error for a name that is not in a catalogue, with the nearest valid one.

    >>> str(unknown_name("embedder", "minilmm", ["minilm", "gtr-base"]))
    "unknown embedder 'minilmm': did you mean 'minilm'? (known: gtr-base, minilm)"
    """
    known = sorted(valid)
    near = difflib.get_close_matches(SAME.get(str(name), str(name)), known, n=1)
    listed = ", ".join(known) or "none"
    way_out = f"did you mean '{near[0]}'? (known: {listed})" if near else f"known are {listed}"
    return TextbackError(f"unknown {what} '{name}': {way_out}")
