"""The plan of a study: what its unfinished jobs do, how long that takes, and what they need."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from textback.cells import grid
from textback.config import Study, used
from textback.config.embedders import OpenAI
from textback.plan import disk, memory, networks, work
from textback.plan.at_hand import Needed, needed
from textback.plan.jobs import STEPS, TRAININGS, Job, jobs
from textback.plan.memory import Memory
from textback.plan.throughput import How, Machine, Rate, Throughput
from textback.plan.work import Task, Work

START_SECONDS = {"cpu": 1.0, "cuda": 60.0}  # of a job: forked; on a GPU, about, compilation
ON_GPU = (  # steps that ask for one
    *TRAININGS,
    *("embed", "embed_target", "hypotheses", "invert", "embed_retrieval", "score_retrieval"),
)


@dataclass(frozen=True)
class Doing:
    """All that a study still does of one task, at its rate."""

    task: Task
    amount: float
    rate: Rate

    @property
    def seconds(self) -> float:
        """On the device; nothing where an endpoint does it."""
        return self.amount / self.rate.value


@dataclass(frozen=True)
class Step:
    """All jobs of one step. flops, queries, seconds to start them: of the unfinished ones."""

    name: str
    jobs: int
    finished: int
    flops: float
    queries: int
    starting: float
    doing: tuple[Doing, ...]

    @property
    def seconds(self) -> float:
        """Of its unfinished jobs, one after another."""
        return self.starting + sum(doing.seconds for doing in self.doing)


@dataclass(frozen=True)
class Plan:
    """What a study needs. disk: bytes by kind; dollars and tokens: at most, by paid embedder."""

    study: str
    cells: int
    machine: Machine
    steps: tuple[Step, ...]
    needed: tuple[Needed, ...]
    disk: dict[str, float]
    memory: Memory | None
    dollars: dict[str, float]
    tokens: dict[str, float]
    notes: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """Of all unfinished jobs, one after another; with a GPU, of those that use it."""
        return sum(step.seconds for step in self.steps)

    @property
    def starting(self) -> float:
        """Seconds of them in which jobs start."""
        return sum(step.starting for step in self.steps)

    @property
    def queries(self) -> int:
        """Texts embedded, at most."""
        return sum(step.queries for step in self.steps)


def plan(study: Study, machine: Machine, say: Callable[[str], None] = lambda text: None) -> Plan:
    """Estimate what a study still needs on a machine. say: told what is tried, as it goes."""
    every = jobs(study)
    ahead = {job: work.of(study, job) for job in every if not job.finished}
    rates = Throughput(study, machine, say)
    steps = [_step(study, name, every, ahead, rates) for name in STEPS]
    tokens = _tokens(study, [done for works in ahead.values() for done in works])
    prices = {name: study.embedders[name].price for name in tokens}
    return Plan(
        study.study,
        len(list(grid(study))),
        machine,
        tuple(step for step in steps if step.jobs),
        tuple(needed(study)),
        disk.by_kind(study, list(ahead)),
        memory.largest(study, list(ahead), machine),
        {name: number * prices[name] / 1e6 for name, number in tokens.items()},
        tokens,
        tuple(_notes(study, every, machine)),
    )


def _step(
    study: Study, name: str, every: list[Job], ahead: dict[Job, list[Work]], rates: Throughput
) -> Step:
    own = [job for job in every if job.step == name]
    amounts: dict[Task, float] = {}
    firsts: dict[Task, Job] = {}
    works = [(job, done) for job in own if job in ahead for done in ahead[job]]
    for job, done in works:
        firsts.setdefault(done.task, job)
        amounts[done.task] = amounts.get(done.task, 0.0) + done.amount
    doing = []
    for task, amount in amounts.items():
        network = work.network(study, firsts[task], task.part) if task.part else None
        doing.append(Doing(task, amount, rates(task, network)))
    flops = sum(done.amount for _, done in works if done.task.kind == "train")
    queries = sum(done.queries for _, done in works)
    finished = len(own) - sum(job in ahead for job in own)
    used = rates.machine.device == "cpu" or name in ON_GPU
    starting = START_SECONDS[rates.machine.device] * used * (len(own) - finished)
    return Step(name, len(own), finished, flops, queries, starting, tuple(doing))


def _tokens(study: Study, works: list[Work]) -> dict[str, float]:
    """Tokens that each paid embedder is asked for, at most."""
    found: dict[str, float] = {}
    for done in works:
        name = done.task.embedder
        if name and isinstance(study.embedders[name], OpenAI):
            found[name] = found.get(name, 0.0) + done.tokens
    return found


def _notes(study: Study, every: list[Job], machine: Machine) -> Iterator[str]:
    """What the plan does not know."""
    if not machine.here:
        yield (
            "nothing is measured on a GPU that is not here: networks that are too small to fill it "
            "take longer"
        )
    for name in dict.fromkeys(job.inverter for job in every if job.inverter):
        entry = study.inverters[name].backbone
        if networks.is_guessed(entry):
            yield (
                f"the shape of {entry.pretrained} is not known without its config.json: inverter "
                f"'{name}' counts as one of a T5-{networks.UNKNOWN}"
            )
    sets = used(study, "use_retrieval_sets")
    absent = [name for name in sets if work.is_absent(study.retrieval_sets[name])]
    if absent:
        yield f"not at hand, so their embedding is not counted: retrieval sets {', '.join(absent)}"


def as_json(planned: Plan) -> dict[str, Any]:
    """The plan as JSON can hold it, in seconds, bytes, operations and texts."""
    return {
        "study": planned.study,
        "cells": planned.cells,
        "machine": {
            "name": planned.machine.name,
            "device": planned.machine.device,
            "matmul_flop_per_second": planned.machine.flops,
        },
        "steps": [_step_json(step) for step in planned.steps],
        "seconds": planned.seconds,
        "train_flops": sum(step.flops for step in planned.steps),
        "embedder_queries_at_most": planned.queries,
        "disk_bytes": planned.disk,
        "memory_bytes": None if planned.memory is None else planned.memory.total,
        "needed": [
            {"what": n.what, "name": n.name, "where": n.where, "megabytes": n.megabytes}
            for n in planned.needed
        ],
        "dollars_at_most": planned.dollars,
        "tokens_at_most": planned.tokens,
        "notes": list(planned.notes),
    }


def _step_json(step: Step) -> dict[str, Any]:
    return {
        "step": step.name,
        "jobs": step.jobs,
        "finished": step.finished,
        "train_flops": step.flops,
        "embedder_queries_at_most": step.queries,
        "seconds": step.seconds,
        "rates": [_doing_json(doing) for doing in step.doing],
    }


def _doing_json(doing: Doing) -> dict[str, Any]:
    task, paid = doing.task, doing.rate.how == "endpoint"
    return {
        "kind": task.kind,
        "inverter": task.inverter,
        "part": task.part,
        "embedder": task.embedder,
        "length": task.length,
        "beam": task.beam,
        "amount": doing.amount,
        "per_second": None if paid else doing.rate.value,
        "how": doing.rate.how,
    }


def hows(step: Step) -> list[How]:
    """How the rates of a step are known, each once."""
    return list(dict.fromkeys(doing.rate.how for doing in step.doing))
