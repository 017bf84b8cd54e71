"""Which rows make up each batch of a training, and the data they are taken from."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Rows = tuple[Tensor, ...]


@dataclass(frozen=True)
class Data:
    """Passages with what the model reads, a row each, or for a corrector a row a guess.

    ids: of p passages, (p, length); inputs: the arguments of `Inverter.read`, e, (p, …), and of n
    guesses ê and x̂, (n, …), vectors as they are stored: `reduce` makes of them what the model
    reads. passage: which one each guess is of, (n,); None where rows are passages. All lies on the
    device, or, where that has no room for it, on the host, and travels batch by batch.
    """

    ids: Tensor
    inputs: Rows
    device: torch.device
    reduce: Callable[[Tensor], Tensor] | None = None
    passage: Tensor | None = None

    def __len__(self) -> int:
        return len(self.ids if self.passage is None else self.passage)

    @property
    def tensors(self) -> Rows:
        """All that it holds."""
        return (self.ids, *self.inputs, *(() if self.passage is None else (self.passage,)))

    def rows(self, index: Tensor | slice) -> Rows:
        """The arguments of `Inverter.nll` for these rows, on the device."""
        if isinstance(index, Tensor):
            index = index.to(self.ids.device)
        own = index if self.passage is None else self.passage[index]
        e, *guessed = self.inputs
        taken = [self._take(column, own) for column in (self.ids, e)]
        ids, *inputs = taken + [self._take(column, index) for column in guessed]
        return (ids.long(), *(self._read(value) for value in inputs))

    def _read(self, value: Tensor) -> Tensor:
        if not value.is_floating_point():
            return value.long()
        return value.float() if self.reduce is None else self.reduce(value)

    def _take(self, column: Tensor, index: Tensor | slice) -> Tensor:
        if column.device.type == self.device.type:
            return column[index]
        taken = column[index]
        if self.device.type == "cuda":
            taken = taken.pin_memory()
        return taken.to(self.device, non_blocking=True)


class Order:
    """Which rows make up each batch: endless shuffled passes over the data.

    A pure function of the seed and the step, so that a resumed run sees the same rows.
    """

    def __init__(self, rows: int, batch: int, seed: int, device: torch.device | str = "cpu"):
        self._rows, self._batch, self._seed, self._device = rows, batch, seed, device
        self._epochs: dict[int, Tensor] = {}

    def batch(self, step: int) -> Tensor:
        """The row numbers of a step's batch, (batch,), on the device."""
        start, end = step * self._batch, (step + 1) * self._batch
        first, last = start // self._rows, (end - 1) // self._rows
        span = [self._epoch(number) for number in range(first, last + 1)]
        rows = span[0] if len(span) == 1 else torch.cat(span)
        return rows[start - first * self._rows : end - first * self._rows]

    def _epoch(self, number: int) -> Tensor:
        if number not in self._epochs:
            generator = torch.Generator().manual_seed(self._seed * 1_000_003 + number)
            self._epochs = {k: v for k, v in self._epochs.items() if k == number - 1}
            shuffled = torch.randperm(self._rows, generator=generator)
            self._epochs[number] = shuffled.to(self._device)
        return self._epochs[number]
