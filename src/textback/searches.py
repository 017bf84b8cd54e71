"""How an inversion searches, as one name: a part of its path, and a column of the tables.

elitist-breadth2-patience3     keeps the best; decodes 2 texts for each that it embeds; gives a text
                               up after 3 rounds without gain
elitist-breadth2-patience3-no-edits   does not try edits of its hypotheses
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
from textback.inverter.search.states import Effort

STARTS = get_args(Evaluation.model_fields["start"].annotation)
NAME = re.compile(
    r"(?:elitist-breadth(?P<breadth>[1-9][0-9]*)-patience(?P<patience>[1-9][0-9]*)"
    r"(?P<unedited>-no-edits)?"
    r"|paper(?P<likelihood>-likelihood)?(?P<one>-one-parent)?)"
    rf"(?:-from-(?P<start>{'|'.join(STARTS[1:])}))?"
)


@dataclass(frozen=True, order=True)
class Search:
    """How rounds go; see `textback.config.Evaluation`.

    Only `elitist` has breadth, patience and edits: in `paper` these are none, none and true.
    """

    mode: str
    breadth: int | None = None
    patience: int | None = None
    rank: str = "cosine"
    parents: str = "beam"
    start: str = "hypothesizer"
    edits: bool = True

    def __str__(self) -> str:
        """Its name in paths."""
        effort = f"-breadth{self.breadth}-patience{self.patience}"
        return self.mode + (effort if self.mode == "elitist" else "") + self._differences

    def effort(self, beam: int, rounds: int) -> Effort:
        """With what a search has no name for."""
        how = self.breadth, self.patience, self.rank, self.parents, self.edits
        return Effort(self.mode, beam, rounds, *how)

    @property
    def label(self) -> str:
        """Its name in tables, where a study has one breadth and patience."""
        return self.mode + self._differences

    @property
    def _differences(self) -> str:
        edits = "" if self.edits else "-no-edits"
        rank = "-likelihood" if self.rank == "likelihood" else ""
        parents = "-one-parent" if self.parents == "one" else ""
        start = "" if self.start == "hypothesizer" else f"-from-{self.start}"
        return edits + rank + parents + start

    @classmethod
    def parse(cls, text: str) -> "Search":
        """The inverse of `str`. Raises TextbackError for anything else."""
        match = NAME.fullmatch(text)
        if match is None:
            known = "'paper' or 'elitist-breadth2-patience3'"
            raise TextbackError(f"unknown search '{text}': write {known}")
        start = match["start"] or "hypothesizer"
        if match["patience"]:
            effort = int(match["breadth"]), int(match["patience"])
            return cls("elitist", *effort, start=start, edits=match["unedited"] is None)
        rank = "likelihood" if match["likelihood"] else "cosine"
        return cls("paper", None, None, rank, "one" if match["one"] else "beam", start)

    @classmethod
    def of(cls, evaluation: Evaluation) -> "Search":
        """The search that an evaluation asks for."""
        elitist = evaluation.mode == "elitist"
        effort = (evaluation.breadth, evaluation.patience) if elitist else (None, None)
        edits = evaluation.edits or not elitist
        how = evaluation.rank, evaluation.parents, evaluation.start, edits
        return cls(evaluation.mode, *effort, *how)
