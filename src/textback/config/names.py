"""Finding what a name stands for in a catalogue."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import yaml

from textback.errors import TextbackError, unknown_name

Entry = TypeVar("Entry")

READY = Path("config/catalogue.yaml")
SECTIONS = {"corpus": "corpora", "embedder": "embedders"}


def lookup(catalogue: Mapping[str, Entry], what: str, name: str) -> Entry:
    """The catalogue's entry of that name, or an error that names the nearest one.

    Where config/catalogue.yaml has the name, the error says how to take it from there.
    """
    if name in catalogue:
        return catalogue[name]
    if name in _ready(what):
        raise TextbackError(
            f"unknown {what} '{name}': {READY} has it: name that file before your study's, as in "
            f"`snakemake --configfile {READY} my-study.yaml`"
        )
    raise unknown_name(what, name, catalogue)


def _ready(what: str) -> Mapping[str, object]:
    if what not in SECTIONS or not READY.exists():
        return {}
    entries = yaml.safe_load(READY.read_text(encoding="utf-8")) or {}
    return entries.get(SECTIONS[what]) or {}
