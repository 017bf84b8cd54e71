"""Naming cells by what a study varies."""

import pandas as pd

from textback.counted import counted
from textback.figures.style import dimension_label
from textback.pages.reached import KEYS


def varied(index: pd.MultiIndex) -> list[str]:
    """The columns of KEYS that have several values."""
    return [key for key in KEYS if index.get_level_values(key).nunique() > 1]


def name_of(cell: tuple, varying: list[str]) -> str:
    """A cell in words, by what varies: `8 tokens, 64 dimensions (pca)`."""
    point = dict(zip(KEYS, cell, strict=True))
    words = [str(point[key]) for key in ("corpus", "embedder") if key in varying]
    if "length" in varying:
        words.append(counted(point["length"], "token"))
    if {"reduction", "dim"} & set(varying):
        words.append(dimension_label(point["reduction"], point["dim"]))
    words += [str(point[key]) for key in ("inverter", "search") if key in varying]
    return ", ".join(words)


def common(index: pd.MultiIndex) -> str:
    """What all cells have in common, in words."""
    point = dict(zip(KEYS, index[0], strict=True))
    fixed = [key for key in KEYS if key not in varied(index)]
    words = [f"{key} {point[key]}" for key in ("corpus", "embedder", "inverter") if key in fixed]
    if "length" in fixed:
        words.append(counted(point["length"], "token"))
    if {"reduction", "dim"} <= set(fixed):
        words.append(dimension_label(point["reduction"], point["dim"]))
    if "search" in fixed and point["search"]:
        words.append(f"search {point['search']}")
    return ", ".join(words)
