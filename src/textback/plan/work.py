"""How much each job has to do: operations of a training, texts written, texts embedded.

What a search and a training end early with is not known beforehand: texts are counted at most, as
if each was new and no search stopped. Operations of a training are exact.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from textback.cells import SPLITS, Inversion, tokenizer_file
from textback.config import RetrievalSet, Study, Training
from textback.config import Tokenizer as TokenizerEntry
from textback.config.embedders import OpenAI
from textback.inverter.search.states import Effort
from textback.plan import networks
from textback.plan.jobs import TRAININGS, Job
from textback.plan.networks import Network
from textback.prices import (
    BYTES_PER_TOKEN,
    GATE_TEXTS,
    GATE_TOKENS,
    TOKENS_PER_TOKEN,
    search_queries,
)
from textback.retrieval.beir import read_set
from textback.searches import Search
from textback.tokenizer import Tokenizer

WAYS = {"null_model": 1, "hypothesizer": 1, "corrector": 3}
EDIT = 0.73  # of a written text: a CPU's 0.75 of 8 tokens, beam 4, and 0.71 of 32, beam 8
PRETRAINED_VOCABULARY = 32_100  # T5's, of a pretrained tokenizer that is not at hand


@dataclass(frozen=True)
class Task:
    """A kind of work, done at a rate of its own.

    train  operations of the inverter's `part`
    write  texts written by its `part`, `beam` a hypothesis, and embedded by the embedder; of those
           that a `search` writes or edits, which is named, it embeds one in `made`
    embed  texts embedded
    """

    kind: Literal["train", "write", "embed"]
    length: int
    inverter: str = ""
    part: str = ""
    embedder: str = ""
    beam: int = 1
    search: str = ""

    @property
    def width(self) -> int:
        """Texts written of each hypothesis together."""
        return self._effort.width if self.search else self.beam

    @property
    def made(self) -> float:
        """Texts written for each that is embedded; an edit counts as `EDIT` of one."""
        if not self.search:
            return 1
        effort = self._effort
        edits = 2 * (effort.corrected * effort.edited + effort.foreseen * effort.foreseen_edits)
        return (effort.corrected * effort.width + EDIT * edits) / effort.tried

    @property
    def _effort(self) -> Effort:
        return Search.parse(self.search).effort(self.beam, 1)


@dataclass(frozen=True)
class Work:
    """What a job does of one task. amount: operations or texts; tokens: an endpoint's, about."""

    task: Task
    amount: float
    queries: int = 0
    tokens: float = 0.0


def of(study: Study, job: Job) -> list[Work]:
    """What a job does, nothing where that takes seconds at most.

    Raises TextbackError where a retrieval set cannot be read.
    """
    if job.step in TRAININGS:
        return list(_training(study, job))
    if job.step in ("embed", "embed_target"):
        texts = passages(study, job)
        task = Task("embed", job.length, embedder=job.embedder)
        tokens = texts * job.length * TOKENS_PER_TOKEN
        return [Work(task, texts, texts, tokens), _gate(task)]
    if job.step == "hypotheses":
        texts = _training_hypotheses(study, job) + study.corpora[job.corpus].passages.validation
        return [_written(job, "hypothesizer", texts)]
    if job.inversion is not None:
        return [_inverted(job, job.inversion)]
    if job.step == "embed_retrieval":
        return list(_retrieval(study, job))
    return []


def passages(study: Study, job: Job) -> int:
    """Passages that a job draws or embeds: of all splits, of a target those of test alone."""
    counts = study.corpora[job.corpus].passages
    if job.step in ("target_passages", "embed_target"):
        return counts.test
    return sum(getattr(counts, split) for split in SPLITS)


def network(study: Study, job: Job, part: str) -> Network:
    """The network of a job's inverter that is one of its parts."""
    entry = study.inverters[job.inverter]
    corpus = job.inversion.cell.corpus if job.inversion else job.corpus
    size = _vocabulary(tokenizer_file(corpus, job.tokenizer), study.tokenizers[job.tokenizer])
    if part == "null_model":
        return Network(entry.backbone, size, 1, 1)
    native = study.embedders[job.embedder].dimension
    reduced = None if job.reduction is None else job.reduction.dimension
    return Network(entry.backbone, size, reduced or native, WAYS[part])


def budget(study: Study, job: Job) -> Training:
    """The budget of a training job."""
    entry = getattr(study.inverters[job.inverter], job.step)
    return Training(**entry.model_dump(include=set(Training.model_fields)))


def _training(study: Study, job: Job) -> Iterator[Work]:
    wanted, trained = budget(study, job), network(study, job, job.step)
    rounds = study.inverters[job.inverter].corrector.data_rounds if job.step == "corrector" else 1
    if wanted.flops is not None:
        wanted = wanted.model_copy(update={"flops": wanted.flops / rounds})
    else:
        wanted = wanted.model_copy(update={"examples": wanted.examples // rounds})
    flops = rounds * networks.training_flops(trained, job.length, wanted)
    yield Work(Task("train", job.length, job.inverter, job.step), flops)
    if rounds > 1:
        yield _written(job, "corrector", (rounds - 1) * _training_hypotheses(study, job))


def _training_hypotheses(study: Study, job: Job) -> int:
    corrector, counts = study.inverters[job.inverter].corrector, study.corpora[job.corpus].passages
    return min(corrector.passages, counts.train) * corrector.hypotheses


def _written(job: Job, part: str, texts: int, beam: int = 1, search: str = "") -> Work:
    task = Task("write", job.length, job.inverter, part, job.embedder, beam, search)
    return Work(task, texts, texts, texts * job.length * TOKENS_PER_TOKEN)


def _inverted(job: Job, inversion: Inversion) -> Work:
    texts = search_queries(inversion.search, inversion.rounds, inversion.beam) * inversion.passages
    if inversion.rounds == 0:
        return _written(job, "hypothesizer", texts, inversion.beam)
    return _written(job, "corrector", texts, inversion.beam, str(inversion.search))


def _gate(task: Task) -> Work:
    """What the gate asks of an embedder."""
    return Work(task, GATE_TEXTS, GATE_TEXTS, GATE_TOKENS)


def _retrieval(study: Study, job: Job) -> Iterator[Work]:
    """Texts of a set as long as they are; they count as so many tokens as the embedder may read."""
    entry = study.retrieval_sets[job.retrieval_set]
    sizes = _text_bytes(entry.folder, entry.split)
    if sizes is None:
        return
    embedder = study.embedders[job.embedder]
    most = embedder.max_tokens
    factor = 1 if isinstance(embedder, OpenAI) else BYTES_PER_TOKEN  # its limit is in bytes
    read = [size if most is None else min(size, factor * most) for size in sizes]
    tokens = sum(read) / BYTES_PER_TOKEN
    task = Task("embed", max(1, round(tokens / len(read))), embedder=job.embedder)
    yield Work(task, len(read), len(read), tokens)
    yield _gate(task)


def is_absent(entry: RetrievalSet) -> bool:
    """Whether a retrieval set cannot be counted, because it is not at hand."""
    return _text_bytes(entry.folder, entry.split) is None


@functools.cache
def _text_bytes(folder: str, split: str) -> list[int] | None:
    """Of each document and query of a retrieval set; None where the set is not at hand."""
    if not Path(folder).is_dir():
        return None
    found = read_set(Path(folder), split)
    return [len(text.encode()) for text in (*found.documents.values(), *found.queries.values())]


@functools.cache
def _vocabulary(made: Path, entry: TokenizerEntry) -> int:
    """Tokens of a tokenizer: of its file where it is made; else at most."""
    if made.exists():
        return Tokenizer.load(made).size
    if entry.kind == "bpe":
        return entry.vocabulary
    return PRETRAINED_VOCABULARY
