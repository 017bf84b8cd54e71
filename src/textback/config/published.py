"""Which published numbers a part of a study reruns, and with which rows of ours."""

import pandas as pd
from pydantic import Field

from textback.config.section import Section
from textback.errors import TextbackError, unknown_name
from textback.published.values import listed

SETTING = ("figure", "dataset", "embedder", "max_tokens", "method", "steps", "beam")


class StandIn(Section):
    """Rows of ours that stand in for a published setting that is not the part's own."""

    corpus: str | None = None
    embedder: str | None = None
    length: int | None = None
    inverter: str | None = None
    target_corpus: str | None = None
    target_length: int | None = None
    perturbation: str | None = None
    round: int | None = None
    beam: int | None = None


class Published(Section):
    """Published numbers, picked by the columns of `resources/published/vec2text.csv`."""

    figure: str
    dataset: str | None = None
    embedder: str | None = None
    max_tokens: int | None = None
    method: str | None = None
    steps: int | None = None
    beam: int | None = None
    noise: float | None = None
    stand_in: StandIn | None = Field(
        None, description="rows of ours of another setting, shown beside it and never judged"
    )
    differs: str | None = Field(
        None, description="what makes ours another setting, where its names are the same"
    )


def check_published(where: str, entry: Published) -> None:
    """Raise TextbackError, one line, where no published number is as a part's entry says."""
    rows = listed()
    for column in SETTING:
        value = getattr(entry, column)
        if value is None:
            continue
        left = rows[rows[column] == value]
        if left.empty:
            known = {str(value) for value in rows[column].unique()}
            problem = unknown_name(f"published {column}", str(value), known)
            raise TextbackError(f"{where}: {problem}")
        rows = left
    if entry.noise is not None and not (rows["noise"] == entry.noise).any():
        raise TextbackError(
            f"{where}: unknown published noise {entry.noise}: known are {_levels(rows)}"
        )


def _levels(rows: pd.DataFrame) -> str:
    return ", ".join(str(noise) for noise in sorted(rows["noise"].unique()))
