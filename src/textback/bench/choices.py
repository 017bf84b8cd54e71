"""What a benchmark was asked for, in the configuration's own terms. No torch is imported here."""

import os
from typing import get_args

from textback.config import Backbone, Evaluation, Section, Study, Training
from textback.errors import unknown_name
from textback.processes import COMPILE
from textback.searches import Search

PARTS = ("hypothesizer", "corrector")
PAPER_INPUTS = 16  # that the paper makes of a vector


def backbone(
    family: str | None, size: str, form: str, embedding_tokens: int | None = None
) -> Backbone:
    """A backbone's entry; of the family, and with as many inputs a vector, as its form has.

    Raises TextbackError for an unknown family, size or form.
    """
    paper = form == "paper"
    family = family or ("t5" if paper else "llama")
    embedding_tokens = embedding_tokens or (PAPER_INPUTS if paper else 1)
    for field, value in (("family", family), ("size", size), ("form", form)):
        _check(Backbone, field, value)
    return Backbone(family=family, size=size, form=form, embedding_tokens=embedding_tokens)


def budget(optimizer: str, batch: int) -> Training:
    """How to train on random data. Raises TextbackError for an unknown optimiser.

    Such data teaches nothing: a small rate keeps the weights near where they are, as fast as any.
    """
    _check(Training, "optimizer", optimizer)
    return Training(optimizer=optimizer, batch=batch, learning_rate=1e-5)


def check_part(part: str) -> None:
    """Raise TextbackError for an unknown part of an inverter."""
    if part not in PARTS:
        raise unknown_name("part", part, PARTS)


def search(mode: str, **wanted: object) -> Search:
    """A search of this mode, as a study has it but for what is wanted and not None.

    Raises TextbackError for an unknown mode.
    """
    _check(Evaluation, "mode", mode)
    given = {key: value for key, value in wanted.items() if value is not None}
    return Search.of(Evaluation(mode=mode, **given))


def set_compile(wanted: str) -> None:
    """Have `textback.device.compiled` do so. Raises TextbackError for an unknown choice."""
    _check(Study, "compile", wanted)
    os.environ[COMPILE] = wanted


def _check(section: type[Section], field: str, value: str) -> None:
    valid = get_args(section.model_fields[field].annotation)
    if value not in valid:
        raise unknown_name(field, value, valid)
