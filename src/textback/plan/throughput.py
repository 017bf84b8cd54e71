"""How fast this machine, or one that is told of, does each task of a study.

In this order: as finished jobs of the same task did on this device, by their costs.json; as a trial
of seconds does, with random weights; as the device multiplies large matrices, times a share. On a
CPU a job has one thread, as in the workflow.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch

from textback import cells
from textback.bench import hardware
from textback.config import Study
from textback.config.embedders import OpenAI
from textback.device import device_name, pick_device
from textback.errors import TextbackError
from textback.files import read_json
from textback.plan import networks, trials
from textback.plan.networks import Network
from textback.plan.work import Task
from textback.progress import log

# Of the rate of large matrix products, as small networks reach it on one core and on an H200 (see
# docs/plan.md): a GPU waits for tokenizers, and for steps of one token to be launched.
TRAINING_SHARE = 0.3
EMBEDDING_SHARE = {"cpu": 0.5, "cuda": 0.04}
WRITING_SHARE = {"cpu": 0.5, "cuda": 0.03}
TRIALS = 90.0  # seconds of trials in all; what is not tried by then is reckoned
LAYERS = 12  # of an embedder that cannot be tried: an encoder of so many layers of its dimension

How = Literal["measured", "tried", "reckoned", "endpoint"]


@dataclass(frozen=True)
class Machine:
    """Where the study would run. flops: operations a second of large matrix products."""

    name: str
    device: str
    flops: float
    here: bool = True

    @property
    def bf16(self) -> bool:
        """Whether trainings compute in 16 bits."""
        return not self.here or hardware.bulk_dtype(self.device) == torch.bfloat16


@dataclass(frozen=True)
class Rate:
    """Operations or texts a second, and how that is known."""

    value: float
    how: How


def find_machine(wanted: str, assumed: float | None) -> Machine:
    """The device at hand; with `assumed` a GPU of that rate that is not."""
    if assumed is not None:
        return Machine(f"a GPU of {assumed:.3g} FLOP/s", "cuda", assumed, here=False)
    device = hardware.prepare(pick_device(wanted), 1)
    rate = hardware.matmul_rate(device, hardware.bulk_dtype(device))
    return Machine(device_name(device), device, rate)


class Throughput:
    """Rates of tasks, each found once. say: told what is tried."""

    def __init__(self, study: Study, machine: Machine, say: Callable[[str], None]) -> None:
        self.machine = machine
        self._study, self._say = study, say
        self._found: dict[Task, Rate] = {}
        self._seconds = 0.0  # of trials so far
        self._told: set[str] = set()
        self._tried: dict[Task, float | None] = {}  # of a network alone, whatever it reads

    def __call__(self, task: Task, network: Network | None) -> Rate:
        """The rate of a task. network: of the first job that has it, none for `embed`."""
        if task not in self._found:
            self._found[task] = self._find(task, network)
        return self._found[task]

    def _find(self, task: Task, network: Network | None) -> Rate:
        if task.kind == "embed" or network is None:
            return self._measured(task) or self._embedding(task)
        if task.kind == "train":
            return self._measured(task) or self._training(task, network)
        return self._measured(task) or self._writing(task, network)

    def _measured(self, task: Task) -> Rate | None:
        if not self.machine.here:
            return None
        rate = finished_rate(task, self.machine.name)
        return None if rate is None else Rate(rate, "measured")

    def _training(self, task: Task, network: Network) -> Rate:
        budget = getattr(self._study.inverters[task.inverter], task.part)
        reckoned = self.machine.flops * TRAINING_SHARE
        tried = self._trial(
            replace(task, part=trials.PARTS[network.ways]),
            lambda: trials.training(network, budget, task.length, self.machine.device, reckoned),
        )
        return Rate(tried, "tried") if tried else Rate(reckoned, "reckoned")

    def _writing(self, task: Task, network: Network) -> Rate:
        """Texts embedded, after so many were written for each: the seconds of both add up."""
        device = self.machine.device
        flops = networks.flops_per_example(network, task.length) / 3  # of a forward pass
        reckoned = self.machine.flops * WRITING_SHARE[device] / flops
        tried = self._trial(
            replace(task, embedder=""),
            lambda: trials.writing(network, task.length, task.width, device, reckoned),
        )
        embedding = self(Task("embed", task.length, embedder=task.embedder), None)
        seconds = task.made / (tried or reckoned)
        if embedding.how != "endpoint":
            seconds += 1 / embedding.value
        reckoned_part = not tried or embedding.how == "reckoned"
        return Rate(1 / seconds, "reckoned" if reckoned_part else "tried")

    def _trial(self, task: Task, trial: Callable[[], float | None]) -> float | None:
        """What the trial of a network finds, made once; nothing on a machine that is not here."""
        if not self.machine.here:
            return None
        if task not in self._tried:
            self._say(f"tries to {task.kind}: {task.part} of {task.inverter}, length {task.length}")
            began = time.monotonic()
            self._tried[task] = trial() if self._seconds < TRIALS else None
            self._seconds += time.monotonic() - began
        return self._tried[task]

    def _embedding(self, task: Task) -> Rate:
        entry = self._study.embedders[task.embedder]
        if isinstance(entry, OpenAI):
            return Rate(float("inf"), "endpoint")
        if self.machine.here:
            try:
                self._say(f"tries {task.embedder}, length {task.length}")
                device = self.machine.device
                return Rate(trials.embedding(task.embedder, entry, task.length, device), "tried")
            except TextbackError as error:
                if str(error) not in self._told:
                    log.warning("plan: not tried: %s", error)
                self._told.add(str(error))
        flops = 2 * LAYERS * 12 * entry.dimension**2 * task.length
        share = EMBEDDING_SHARE[self.machine.device]
        return Rate(self.machine.flops * share / flops, "reckoned")


def finished_rate(task: Task, device: str) -> float | None:
    """The rate of finished jobs of this task on the device; None where there are none."""
    done = [record for record in map(read_json, _records(task)) if record["device"] == device]
    amount, seconds = {
        "train": ("train_flops", "train_seconds"),
        "embed": ("embedder_queries", "embed_seconds"),
        "write": (
            "embedder_queries",
            "generate_seconds" if task.part == "hypothesizer" else "invert_seconds",
        ),
    }[task.kind]
    done = [record for record in done if amount in record and record.get(seconds)]
    if not done:
        return None
    return sum(record[amount] for record in done) / sum(record[seconds] for record in done)


def _records(task: Task) -> list[Path]:
    """The costs of finished jobs of a task, of whatever corpus, reduction and seed."""
    length, results = f"len{task.length}", cells.RESULTS
    if task.kind == "embed":
        pattern = f"embeddings/*/*/{length}/{task.embedder}/costs.json"
    elif task.part == "null_model":
        pattern = f"null_models/*/{length}/{task.inverter}/seed*/null_model/costs.json"
    else:
        step = task.part if task.kind == "train" else "hypotheses"
        of_cell = length
        if task.kind == "write" and task.part == "corrector":
            # Whatever the cell's length: a target's tells how long what is written is.
            search = f"{task.search or '*'}-beam{task.beam}"
            of_cell, step = "len*", f"inversions/{search}-rounds[1-9]*/*-{length}/*"
        cell = f"cells/*/{task.embedder or '*'}/{of_cell}/*/{task.inverter}/seed*"
        pattern = f"{cell}/{step}/costs.json"
    return sorted(results.glob(pattern))
