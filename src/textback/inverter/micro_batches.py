"""Gradients of a batch in parts that fit the device: the effective batch stays the same."""

from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor

from textback.device import (
    bulk_precision,
    compile_failed,
    compiled,
    out_of_memory,
    rng_kept,
    warn_uncompiled,
)
from textback.errors import TextbackError
from textback.inverter import parallel
from textback.inverter.batches import Data
from textback.inverter.model import Inverter
from textback.inverter.replay import Replay
from textback.inverter.room import no_room
from textback.progress import log


class MicroBatches:
    """Forward and backward passes over a batch, in as few parts as fit the device.

    The size of a part is found by trial, beginning with the whole batch, and halved whenever the
    device runs out of memory.
    """

    def __init__(self, model: Inverter, data: Data, batch: int) -> None:
        self._model, self._data = model, data
        self._parallel = parallel.wrapped(model)
        self._loss = compiled(self._parallel, data.device.type)
        self.size = batch
        if data.device.type == "cuda":
            self._try_sizes(batch)

    def backward(self, rows: Tensor) -> Tensor:
        """Add the gradients of the rows' mean loss; returns the loss, (), on the device.

        Raises TextbackError where not even a part of one passage fits, or one of several processes
        has no memory.
        """
        while True:
            try:
                return self._accumulate(self._loss, rows)
            except Exception as error:
                too_large, alone = out_of_memory(error), parallel.world() == 1
                if Replay.recording or not (alone or too_large):  # nothing to mend now
                    raise
                if not alone:
                    raise self._too_large_together() from None
                if not too_large and (self._loss is self._parallel or not compile_failed(error)):
                    raise
                if not too_large:
                    warn_uncompiled(error)
            self._model.zero_grad(set_to_none=True)
            if too_large:  # outside of `except`, which holds on to the activations
                self._halve()
            else:
                self._loss = self._parallel

    def _accumulate(self, loss: Callable[..., Tensor], rows: Tensor) -> Tensor:
        total = torch.zeros((), device=self._data.device)
        parts = rows.split(self.size)
        for number, part in enumerate(parts):
            share = len(part) / len(rows)
            last = number == len(parts) - 1
            with nullcontext() if last else parallel.without_averaging(self._parallel):
                mean = loss(*self._data.rows(part)) * share
                mean.backward()
            total += mean.detach()
        return total

    def _too_large_together(self) -> TextbackError:
        """Where one of several processes runs out of memory, the others cannot follow it."""
        return TextbackError(
            f"training: one of {parallel.world()} processes has no memory for a micro-batch of "
            f"{self.size}: lower 'batch', or give it the device alone"
        )

    def _halve(self) -> None:
        if self._data.device.type == "cuda":
            torch.cuda.empty_cache()
        if self.size == 1:
            raise no_room(self._model)
        self.size = (self.size + 1) // 2
        log.info("out of memory: goes on with micro-batches of %d", self.size)

    def _try_sizes(self, batch: int) -> None:
        """Halve until a batch passes, before the first step; all processes take the least.

        Meanwhile the room is taken that optimisers will want, for two numbers a weight at most.
        """
        rows = torch.arange(batch, device=self._data.device) % len(self._data)
        while parallel.any_of(not self._passes(rows[: self.size]), self._data.device):
            self._halve()

    def _passes(self, rows: Tensor) -> bool:
        """Whether there is memory for them at a time, and beside them for optimisers."""
        device, remembered = self._data.device.type, []
        try:
            remembered += [torch.empty_like(p) for p in self._model.parameters() for _ in range(2)]
            with bulk_precision(device), rng_kept(device):
                self._accumulate(self._model, rows)
        except Exception as error:
            if not out_of_memory(error):
                raise
            return False
        finally:
            self._model.zero_grad(set_to_none=True)
        return True
