"""Finding what a name stands for in a catalogue."""

from collections.abc import Mapping
from typing import TypeVar

from textback.errors import unknown_name

Entry = TypeVar("Entry")


def lookup(catalogue: Mapping[str, Entry], what: str, name: str) -> Entry:
    """The catalogue's entry of that name, or an error that names the nearest one."""
    if name not in catalogue:
        raise unknown_name(what, name, catalogue)
    return catalogue[name]
