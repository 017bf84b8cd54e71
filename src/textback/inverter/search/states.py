"""What a search knows of a text: its effort, candidates and hypotheses, and a round's outcome."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MOST_CORRECTED = 2  # a round: more are no better for as much decoding (see benchmarks/search.md)
NARROWEST = 4  # times the breadth: as many sequences are decoded of a hypothesis at least
FEWEST_EDITS = 16  # of a hypothesis, among which a narrow beam may choose
FORESEEN = 2  # candidates edited before they are embedded, for each hypothesis that is corrected
REMEMBERED = 96  # of the texts that were embedded for a target, the nearest


@dataclass(frozen=True)
class Effort:
    """How hard to try.

    mode: `elitist` or `paper`; beam: a round tries its square. `elitist` has a breadth, the
    sequences decoded for each that is tried, edits among these (more where the beam is narrow),
    a patience, the rounds without gain before a text stops, and edits, whether it also tries those
    of its hypotheses. In `paper`, rank and parents: what a round's hypotheses are ranked by,
    `cosine` or `likelihood`, and how many go on, `beam` or `one`
    """

    mode: str
    beam: int
    rounds: int
    breadth: int | None = None
    patience: int | None = None
    rank: str = "cosine"
    parents: str = "beam"
    edits: bool = True

    @property
    def corrected(self) -> int:
        """Hypotheses of a text that are corrected in a round, at most."""
        if self.mode == "elitist":
            return min(self.beam, MOST_CORRECTED)
        return 1 if self.parents == "one" else self.beam

    @property
    def tried(self) -> int:
        """Sequences of a text that are tried in a round, at most."""
        return self.beam * (1 if self.parents == "one" else self.beam)

    @property
    def exact(self) -> int:
        """Of the sequences tried in a round those that are embedded in full precision, at most.

        In `elitist` as many as the next one corrects; where this is all, nothing is screened.
        """
        return self.corrected if self.mode == "elitist" else self.tried

    @property
    def width(self) -> int:
        """Sequences decoded of each hypothesis that is corrected."""
        if self.mode != "elitist":
            return self.beam
        return max(math.ceil(self.tried / self.corrected), NARROWEST) * self.breadth

    @property
    def edited(self) -> int:
        """Edits made of each hypothesis that is corrected, beside as many of a surrogate."""
        if self.mode != "elitist" or not self.edits:
            return 0
        return max(self.tried // 2, FEWEST_EDITS)

    @property
    def foreseen(self) -> int:
        """Candidates of a text that are edited in a round before they are embedded, at most."""
        return FORESEEN * self.corrected if self.edited else 0

    @property
    def foreseen_edits(self) -> int:
        """Edits made of each of these, beside as many of a surrogate."""
        return self.edited // 2


@dataclass(frozen=True)
class Candidates:
    """Written for one text, or edited: tokens (m, length) and log-likelihoods (m,).

    An edit that was not judged yet has NaN.
    """

    ids: np.ndarray
    likelihoods: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def keys(self) -> list[bytes]:
        """The tokens of each, as what tells it from others."""
        rows = np.ascontiguousarray(self.ids)
        return rows.view(f"V{rows.shape[1] * rows.itemsize}").ravel().tolist()

    @classmethod
    def none(cls, like: "Hypothesis") -> "Candidates":
        """None, of the length of a hypothesis."""
        return cls(like.ids[None][:0], np.zeros(0, np.float32))

    @classmethod
    def unjudged(cls, ids: np.ndarray) -> "Candidates":
        """Edits, (m, length)."""
        return cls(ids, np.full(len(ids), np.nan, np.float32))

    @property
    def new(self) -> np.ndarray:
        """The rows of those that were not judged yet."""
        return np.flatnonzero(np.isnan(self.likelihoods))

    def judged(self, likelihoods: np.ndarray) -> "Candidates":
        """With log-likelihoods for those that had none."""
        found = self.likelihoods.copy()
        found[self.new] = likelihoods
        return Candidates(self.ids, found)

    @classmethod
    def joined(cls, parts: "Sequence[Candidates]") -> "Candidates":
        """All of one length."""
        ids = np.concatenate([part.ids for part in parts])
        return cls(ids, np.concatenate([part.likelihoods for part in parts]))

    def take(self, rows: list[int] | np.ndarray) -> "Candidates":
        """Some of them."""
        return Candidates(self.ids[rows], self.likelihoods[rows])


@dataclass(frozen=True)
class Trial:
    """Candidates of one text that are tried in a round, and their texts, (m,)."""

    candidates: Candidates
    texts: Sequence[str]

    def __len__(self) -> int:
        return len(self.texts)

    @classmethod
    def joined(cls, trials: "Sequence[Trial]") -> "Trial":
        """Of several texts together."""
        texts = [text for trial in trials for text in trial.texts]
        return cls(Candidates.joined([trial.candidates for trial in trials]), texts)

    def take(self, rows: Sequence[int] | np.ndarray) -> "Trial":
        """Some of them."""
        return Trial(self.candidates.take(rows), [self.texts[row] for row in rows])


@dataclass(frozen=True)
class Seen:
    """Texts that were embedded for one target, if only roughly, and how near they are.

    ids: tokens (n, length); vectors: embeddings (n, dim); cosines: to the target, (n,)
    """

    ids: np.ndarray
    vectors: np.ndarray
    cosines: np.ndarray

    @classmethod
    def of(cls, hypotheses: "Sequence[Hypothesis]") -> "Seen":
        """What is known of hypotheses of one target."""
        columns = zip(*((h.ids, h.vector, h.cosine) for h in hypotheses), strict=True)
        return cls(*map(np.array, columns))

    def __add__(self, other: "Seen") -> "Seen":
        """The nearest of both."""
        cosines = np.concatenate([self.cosines, other.cosines])
        nearest = np.argsort(-cosines, kind="stable")[:REMEMBERED]
        pairs = (self.ids, other.ids), (self.vectors, other.vectors)
        ids, vectors = (np.concatenate(pair)[nearest] for pair in pairs)
        return Seen(ids, vectors, cosines[nearest])


@dataclass(frozen=True)
class Hypothesis:
    """A guessed text, its tokens (length,), its embedding (dim,) and its cosine to the target.

    recovered: whether its embedding is the target itself, length included, and its text is made of
    whole characters: embedders drop half a one; likelihood: its logarithm as `Candidates` has it,
    given what it was corrected from, or e alone if it is an edit, 0 for a first guess
    """

    text: str
    ids: np.ndarray
    vector: np.ndarray
    cosine: float
    recovered: bool
    likelihood: float


@dataclass(frozen=True)
class Round:
    """One text after one round: what the search would answer, and the best of the round's new ones.

    `candidate` is None where the round tried nothing, or the text had stopped.
    queries: distinct texts tried for this text so far, in mode `paper` all.
    """

    best: Hypothesis
    candidate: Hypothesis | None
    queries: int


def by_cosine(hypothesis: Hypothesis) -> tuple[float, str]:
    """Sorts the nearest first, equal ones by their text."""
    return -hypothesis.cosine, hypothesis.text


def recovered_first(hypothesis: Hypothesis) -> tuple[bool, float, str]:
    """Sorts as `by_cosine`, but what is recovered before what has the same embedding and is not."""
    return not hypothesis.recovered, *by_cosine(hypothesis)


def by_likelihood(hypothesis: Hypothesis) -> tuple[float, str]:
    """Sorts the likeliest first, equal ones by their text."""
    return -hypothesis.likelihood, hypothesis.text
