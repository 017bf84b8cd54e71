"""The training loop: a budget counted in examples or FLOPs, checkpoints, a history over compute.

One loop trains hypothesizers, correctors and null models; they differ in their inputs. Nothing in
it waits for the device: data lies there, is shuffled there by index, and the loss is summed there.
A run that is stopped at any moment goes on from its last checkpoint and ends in the same weights.
"""

import math
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from textback.config import Training
from textback.device import out_of_memory, rng_kept
from textback.errors import TextbackError
from textback.inverter import optimizers, parallel
from textback.inverter.batches import Data, Order
from textback.inverter.model import Inverter
from textback.inverter.room import no_room
from textback.inverter.state import Checkpoint, Position
from textback.inverter.training_step import TrainingStep
from textback.progress import Meter

CHECKPOINT_SECONDS = float(os.environ.get("TEXTBACK_CHECKPOINT_SECONDS", "20"))
VALIDATIONS = 10  # along a run
TOGETHER_STEPS = 16  # of several processes, between two moments to stop or write a checkpoint


@dataclass(frozen=True)
class Result:
    """A finished training: history rows, and its cost."""

    history: list[dict[str, float]]
    seconds: float
    flops: int


@dataclass(frozen=True)
class Plan:
    """A budget in numbers. flops: of a forward and a backward pass over one batch."""

    budget: Training
    steps: int
    flops: int

    def done(self, step: int) -> dict[str, int]:
        """What `step` steps have cost."""
        return {"examples": step * self.budget.batch, "flops": step * self.flops}


def plan(model: Inverter, data: Data, budget: Training) -> Plan:
    """How many steps a budget buys. Raises TextbackError where they end within the warm-up."""
    flops = budget.batch * flops_per_example(model, data)
    total = budget.examples or round(budget.flops / flops * budget.batch)
    if problem := budget.too_short(total):
        raise TextbackError(f"training: the budget buys {total} examples, {problem}")
    return Plan(budget, budget.steps(total), flops)


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

    History has a row every tenth of the budget: examples, FLOPs, learning rate, mean training NLL
    since the row before, and validation NLL, in nats a token.

    Raises TextbackError where the loss is no longer a number, or not even one example fits the
    device. On SIGINT or SIGTERM it writes a checkpoint and exits. The caller removes the last
    checkpoint, of the finished training, when it has written what it needs.
    """
    planned = plan(model, data, budget)
    torch.manual_seed(seed)
    order = Order(len(data), budget.batch, seed, data.ids.device)
    parallel.share(order.batch(0))
    step = TrainingStep(model, data, budget, planned.steps)
    position = checkpoint.restore(model, step.optimizers)
    parallel.reseed(seed, position.step)
    meter = Meter(label, planned.steps * budget.batch, "examples", position.step * budget.batch)
    clock = _Clock(position.seconds)
    report_at = _report_steps(planned.steps)
    with _stop_signals() as stopped:
        while position.step < planned.steps:
            factor = optimizers.schedule(position.step, planned.steps, budget.warmup)
            rows = parallel.share(order.batch(position.step))
            position.loss_sum += step(rows, factor)
            position.step += 1
            note = ""
            if position.step in report_at:
                note = _report(model, validation, step.micro_batch, planned, factor, position)
            meter.advance(budget.batch, note)
            together = parallel.world() == 1 or position.step % TOGETHER_STEPS == 0
            if not together:
                continue
            parallel.reseed(seed, position.step)
            stop = parallel.any_of(bool(stopped), data.device)
            if parallel.rank() == 0 and (stop or clock.due()):
                _check_loss(float(position.loss_sum), position.step, budget)
                position.seconds = clock.seconds()
                checkpoint.save(model, step.optimizers, position)
            if stop:
                raise SystemExit(128 + (stopped or [signal.SIGTERM])[0])
    meter.close()
    model.eval()
    position.seconds = clock.seconds()
    if parallel.rank() == 0:
        checkpoint.save(model, step.optimizers, position)
    return Result(position.history, position.seconds, planned.flops * planned.steps)


@torch.no_grad()
def mean_nll(model: Inverter, data: Data, batch: int) -> float:
    """Mean negative log-likelihood of the passages, in nats a token."""
    return float(passage_nll(model, data, batch).mean() / data.ids.shape[1])


@torch.no_grad()
def passage_nll(model: Inverter, data: Data, batch: int) -> Tensor:
    """Negative log-likelihood of each passage, (n,) float32 on the CPU, in nats.

    batch: passages at a time, fewer where they do not fit the device
    """
    training = model.training
    model.eval()
    parts: list[Tensor] = []
    start = 0
    while start < len(data):
        try:
            parts.append(model.nll(*data.rows(slice(start, start + batch))).sum(1).float().cpu())
            start += batch
        except Exception as error:
            if not out_of_memory(error):
                raise
            if batch == 1:
                raise no_room(model) from None
            batch //= 2
    model.train(training)
    return torch.cat(parts)


def flops_per_example(model: Inverter, data: Data) -> int:
    """Floating-point operations of a forward and a backward pass over one passage, counted."""
    try:
        with rng_kept(data.device.type), FlopCounterMode(display=False) as counter:
            model.train()
            model(*data.rows(slice(0, 1))).backward()
    except Exception as error:
        if out_of_memory(error):
            raise no_room(model) from None
        raise
    model.zero_grad(set_to_none=True)
    return counter.get_total_flops()


def _report_steps(steps: int) -> set[int]:
    return {max(1, round(steps * i / VALIDATIONS)) for i in range(1, VALIDATIONS + 1)}


def _report(
    model: Inverter, validation: Data, rows: int, planned: Plan, factor: float, position: Position
) -> str:
    """Add a row to the history, validated so many rows at a time; returns what to show of it.

    Raises TextbackError on NaN.
    """
    budget = planned.budget
    before = position.history[-1]["examples"] if position.history else 0
    done = planned.done(position.step)
    loss = float(parallel.mean(position.loss_sum.clone()))
    row = {
        **done,
        "learning_rate": budget.learning_rate * factor,
        "train_nll": loss * budget.batch / (done["examples"] - before),
        "validation_nll": mean_nll(model, validation, rows),
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
