"""How much memory training takes: of one job, at the batch that its budget states.

Weights and their gradients in 32 bits (they are the master weights, too), the optimisers' states,
what both passes hold, what the libraries take, and the training data. A batch that does not fit
goes in parts: less is enough then.
"""

from dataclasses import dataclass

from textback.config import Study
from textback.inverter.losses import CHUNK_BYTES
from textback.plan import networks, work
from textback.plan.jobs import TRAININGS, Job
from textback.plan.networks import Network
from textback.plan.throughput import Machine

LIBRARIES = {"cpu": 900_000_000, "cuda": 600_000_000}  # of a training process before it begins
FLOAT32 = 4
PLACE = 8  # of the passage that a guess is of
CHUNKS = 3  # of logits, with their gradient and its 16-bit copy
BACKWARD = 1.4  # times what the forward pass keeps: what both passes hold, as measured on a CPU


@dataclass(frozen=True)
class Memory:
    """Bytes of one training at its whole batch."""

    job: Job
    weights: int
    gradients: int
    optimizer: int
    activations: int
    data: int
    other: int
    data_on_host: bool

    @property
    def total(self) -> int:
        """On the device, without data that the host holds where a GPU has no room for it."""
        parts = (self.weights, self.gradients, self.optimizer, self.activations, self.other)
        return sum(parts) + (0 if self.data_on_host else self.data)


def largest(study: Study, jobs: list[Job], machine: Machine) -> Memory | None:
    """Of the training that takes most; None where there is none."""
    trainings: dict[tuple, Job] = {}
    for job in (job for job in jobs if job.step in TRAININGS):
        trained = work.network(study, job, job.step)
        trainings.setdefault((trained, job.length, work.budget(study, job)), job)
    found = [of(study, job, machine) for job in trainings.values()]
    return max(found, key=lambda memory: memory.total, default=None)


def of(study: Study, job: Job, machine: Machine) -> Memory:
    """Of a training job."""
    trained, budget = work.network(study, job, job.step), work.budget(study, job)
    weights = networks.stored_bytes(trained)
    return Memory(
        job,
        weights,
        4 * networks.parameters(trained),
        networks.optimizer_bytes(trained, budget),
        activations(trained, job.length, budget.batch, machine.bf16),
        _data(study, job),
        LIBRARIES[machine.device] + logits(trained, job.length, budget.batch, machine.device),
        machine.device == "cuda",
    )


def activations(network: Network, length: int, batch: int, bf16: bool) -> int:
    """Of the passes over a batch."""
    return round(BACKWARD * networks.saved_bytes(network, length, batch, bf16))


def logits(network: Network, length: int, batch: int, device: str) -> int:
    """Of the chunk of them that is there at a time."""
    return CHUNKS * min(CHUNK_BYTES[device], FLOAT32 * batch * length * network.vocabulary)


def _data(study: Study, job: Job) -> int:
    """Ids in 32 bits and vectors in 16, as they are stored, of passages and of their guesses."""
    counts = study.corpora[job.corpus].passages
    native = study.embedders[job.embedder].dimension if job.embedder else 2
    row = 4 * job.length + 2 * native
    if job.step != "corrector":
        return counts.train * row
    corrector = study.inverters[job.inverter].corrector
    passages = min(corrector.passages, counts.train)
    guesses = passages * corrector.hypotheses * corrector.data_rounds
    return passages * row + guesses * (row + PLACE)
