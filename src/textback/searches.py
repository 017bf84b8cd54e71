"""How an inversion searches, as one name: a part of its path, and a column of the tables.

elitist-patience3              keeps the best, gives a text up after 3 rounds without gain
paper                          the paper's search, `beam` sequences ranked by cosine
paper-likelihood               ranked by the corrector's likelihood instead
paper-one-parent               corrects one hypothesis a round, the nearest of `beam` candidates
paper-from-the                 begins with `the the the …`; also -from-beam, -from-nucleus,
                               -from-random and -from-unrelated, of any search
"""

import re
from dataclasses import dataclass
from typing import get_args

from textback.config.parts import Evaluation
from textback.errors import TextbackError

STARTS = get_args(Evaluation.model_fields["start"].annotation)
NAME = re.compile(
    r"(?:elitist-patience(?P<patience>[1-9][0-9]*)"
    r"|paper(?P<likelihood>-likelihood)?(?P<one>-one-parent)?)"
    rf"(?:-from-(?P<start>{'|'.join(STARTS[1:])}))?"
)


@dataclass(frozen=True, order=True)
class Search:
    """How rounds go; see `textback.config.Evaluation`. Only `elitist` has a patience."""

    mode: str
    patience: int | None = None
    rank: str = "cosine"
    parents: str = "beam"
    start: str = "hypothesizer"

    def __str__(self) -> str:
        """Its name in paths."""
        patience = f"-patience{self.patience}" if self.mode == "elitist" else ""
        return self.mode + patience + self._differences

    @property
    def label(self) -> str:
        """Its name in tables, where a study has one patience."""
        return self.mode + self._differences

    @property
    def _differences(self) -> str:
        rank = "-likelihood" if self.rank == "likelihood" else ""
        parents = "-one-parent" if self.parents == "one" else ""
        start = "" if self.start == "hypothesizer" else f"-from-{self.start}"
        return rank + parents + start

    @classmethod
    def parse(cls, text: str) -> "Search":
        """The inverse of `str`. Raises TextbackError for anything else."""
        match = NAME.fullmatch(text)
        if match is None:
            raise TextbackError(f"unknown search '{text}': write 'paper' or 'elitist-patience3'")
        start = match["start"] or "hypothesizer"
        if match["patience"]:
            return cls("elitist", int(match["patience"]), start=start)
        rank = "likelihood" if match["likelihood"] else "cosine"
        return cls("paper", None, rank, "one" if match["one"] else "beam", start)

    @classmethod
    def of(cls, evaluation: Evaluation) -> "Search":
        """The search that an evaluation asks for."""
        patience = evaluation.patience if evaluation.mode == "elitist" else None
        how = evaluation.rank, evaluation.parents, evaluation.start
        return cls(evaluation.mode, patience, *how)
