"""The training loop: AdamW, warm-up and linear decay, a budget counted in examples.

One loop trains hypothesizers, correctors and null models; they differ in their inputs. The data
lies on the device and is shuffled by index; a run that is stopped at any moment goes on from its
last checkpoint and ends in the same weights.
"""

import math
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from textback.config import Training
from textback.device import bulk_precision
from textback.errors import TextbackError
from textback.inverter.model import Inverter, parameter_groups
from textback.inverter.state import Checkpoint, Position
from textback.progress import Meter

CHECKPOINT_SECONDS = float(os.environ.get("TEXTBACK_CHECKPOINT_SECONDS", "20"))
VALIDATIONS = 10  # along a run
GRADIENT_NORM = 1.0


@dataclass(frozen=True)
class Data:
    """Passages with what the model reads, on one device.

    ids: (n, length); inputs: the arguments of `Inverter.encode`, each (n, …)
    """

    ids: Tensor
    inputs: tuple[Tensor, ...]

    def rows(self, index: Tensor | slice) -> tuple[Tensor, ...]:
        """The arguments of `Inverter.nll` for these rows."""
        return (self.ids[index].long(), *(value[index] for value in self.inputs))


@dataclass(frozen=True)
class Result:
    """A finished training: history rows, and its cost."""

    history: list[dict[str, float]]
    seconds: float
    flops: int


def train(
    model: Inverter,
    data: Data,
    validation: Data,
    budget: Training,
    seed: int,
    checkpoint: Checkpoint,
    label: str,
) -> Result:
    """Train a model in place.

    History has a row every tenth of the budget: examples, learning rate, mean training NLL since
    the row before, and validation NLL, in nats a token.

    Raises TextbackError where the loss is no longer a number. On SIGINT or SIGTERM it writes a
    checkpoint and exits.
    """
    steps = max(1, round(budget.examples / budget.batch))
    flops = flops_per_batch(model, data, min(budget.batch, len(data.ids)))
    torch.manual_seed(seed)
    optimizer = _optimizer(model, budget)
    rates = [group["lr"] for group in optimizer.param_groups]
    position = checkpoint.restore(model, optimizer)
    order = Order(len(data.ids), budget.batch, seed)
    meter = Meter(label, steps * budget.batch, "examples", position.step * budget.batch)
    clock = _Clock(position.seconds)
    report_at = _report_steps(steps)
    with _stop_signals() as stopped:
        while position.step < steps:
            factor = schedule(position.step, steps, budget.warmup)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor
            rows = order.batch(position.step).to(data.ids.device)
            position.loss_sum += _step(model, optimizer, data.rows(rows))
            position.step += 1
            note = ""
            if position.step in report_at:
                note = _report(model, validation, budget, factor, position)
            meter.advance(budget.batch, note)
            if stopped or clock.due():
                _check_loss(float(position.loss_sum), position.step, budget)
                position.seconds = clock.seconds()
                checkpoint.save(model, optimizer, position)
            if stopped:
                raise SystemExit(128 + stopped[0])
    meter.close()
    model.eval()
    return Result(position.history, clock.seconds(), flops * steps)


def schedule(step: int, steps: int, warmup: float) -> float:
    """The learning rate's factor at a step: up over the `warmup` share, then down to zero."""
    rising = max(1, round(steps * warmup))
    if step < rising:
        return (step + 1) / rising
    return (steps - step) / max(1, steps - rising)


@torch.no_grad()
def mean_nll(model: Inverter, data: Data, batch: int) -> float:
    """Mean negative log-likelihood of the passages, in nats a token."""
    return float(passage_nll(model, data, batch).mean() / data.ids.shape[1])


@torch.no_grad()
def passage_nll(model: Inverter, data: Data, batch: int) -> Tensor:
    """Negative log-likelihood of each passage, (n,) float32 on the CPU, in nats."""
    training = model.training
    model.eval()
    parts = [
        model.nll(*data.rows(slice(start, start + batch))).sum(1).float().cpu()
        for start in range(0, len(data.ids), batch)
    ]
    model.train(training)
    return torch.cat(parts)


def flops_per_batch(model: Inverter, data: Data, batch: int) -> int:
    """Floating-point operations of a forward and a backward pass over a batch, counted."""
    model.train()
    with FlopCounterMode(display=False) as counter:
        model.nll(*data.rows(slice(0, batch))).mean().backward()
    model.zero_grad(set_to_none=True)
    return counter.get_total_flops()


def _optimizer(model: Inverter, budget: Training) -> torch.optim.Optimizer:
    groups = parameter_groups(model, budget.learning_rate, budget.weight_decay)
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)


def _step(model: Inverter, optimizer: torch.optim.Optimizer, rows: tuple[Tensor, ...]) -> Tensor:
    """One step of the optimiser; returns the loss, not yet synchronised."""
    model.train()
    with bulk_precision(rows[0].device.type):
        loss = model.nll(*rows).mean()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_NORM)
    optimizer.step()
    return loss.detach()


def _report_steps(steps: int) -> set[int]:
    return {max(1, round(steps * i / VALIDATIONS)) for i in range(1, VALIDATIONS + 1)}


def _report(
    model: Inverter, validation: Data, budget: Training, factor: float, position: Position
) -> str:
    """Add a row to the history; returns what to show of it. Raises TextbackError on NaN."""
    before = position.history[-1]["examples"] if position.history else 0
    examples = position.step * budget.batch
    row = {
        "examples": examples,
        "learning_rate": budget.learning_rate * factor,
        "train_nll": float(position.loss_sum) * budget.batch / (examples - before),
        "validation_nll": mean_nll(model, validation, budget.batch),
    }
    _check_loss(row["train_nll"] + row["validation_nll"], position.step, budget)
    position.history.append(row)
    position.loss_sum.zero_()
    return f"loss {row['train_nll']:.2f}, validation {row['validation_nll']:.2f}"


def _check_loss(loss: float, step: int, budget: Training) -> None:
    if not math.isfinite(loss):
        raise TextbackError(
            f"training: the loss is {loss} at step {step}: lower the inverter's learning_rate "
            f"(now {budget.learning_rate:g})"
        )


class Order:
    """Which rows make up each batch: endless shuffled passes over the data.

    A pure function of the seed and the step, so that a resumed run sees the same rows.
    """

    def __init__(self, rows: int, batch: int, seed: int) -> None:
        self._rows, self._batch, self._seed = rows, batch, seed
        self._epochs: dict[int, Tensor] = {}

    def batch(self, step: int) -> Tensor:
        """The row numbers of a step's batch, (batch,)."""
        places = torch.arange(step * self._batch, (step + 1) * self._batch)
        epochs = sorted({int(places[0]) // self._rows, int(places[-1]) // self._rows})
        span = torch.cat([self._epoch(e) for e in range(epochs[0], epochs[-1] + 1)])
        return span[places - epochs[0] * self._rows]

    def _epoch(self, number: int) -> Tensor:
        if number not in self._epochs:
            generator = torch.Generator().manual_seed(self._seed * 1_000_003 + number)
            self._epochs = {k: v for k, v in self._epochs.items() if k == number - 1}
            self._epochs[number] = torch.randperm(self._rows, generator=generator)
        return self._epochs[number]


class _Clock:
    """Seconds of training over all resumes, and when the next checkpoint is due."""

    def __init__(self, before: float) -> None:
        self._began = time.monotonic() - before
        self._saved = time.monotonic()

    def seconds(self) -> float:
        return time.monotonic() - self._began

    def due(self) -> bool:
        if time.monotonic() - self._saved < CHECKPOINT_SECONDS:
            return False
        self._saved = time.monotonic()
        return True


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM instead of dying in the middle of a step."""
    received: list[int] = []
    handlers = {
        number: signal.signal(number, lambda caught, frame: received.append(caught))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield received
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
