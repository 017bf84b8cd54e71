"""One step of a training: the gradients of a batch, clipped, and what optimisers make of them."""

import functools
import math
from collections.abc import Sequence

from torch import Tensor, nn
from torch.optim import Optimizer

from textback.config import Training
from textback.device import bulk_precision
from textback.inverter import optimizers, parallel
from textback.inverter.batches import Data
from textback.inverter.micro_batches import MicroBatches
from textback.inverter.model import Inverter
from textback.inverter.replay import BackwardStudio, Replay
from textback.inverter.room import room_to_train

GRADIENT_NORM = 1.0


class TrainingStep:
    """Steps of one training, which change the model in place.

    On a GPU that holds the data and trains alone a step is recorded, and replayed after: it waits
    for no launch. steps: how many there will be, at most.
    """

    def __init__(
        self, model: Inverter, data: Data, budget: Training, steps: float = math.inf
    ) -> None:
        self._model = model
        self.optimizers = optimizers.build(model, budget)
        self._micro = MicroBatches(model, data, budget.batch // parallel.world())
        recordable = parallel.world() == 1 and data.ids.device.type == data.device.type
        self._replay = Replay(
            "training steps",
            functools.partial(_take, model, self._micro, self.optimizers),
            data.device.type,
            steps if recordable else 0,
            BackwardStudio(),
        )

    @property
    def micro_batch(self) -> int:
        """How many passages it takes at a time."""
        return self._micro.size

    def __call__(self, rows: Tensor, factor: float = 1.0) -> Tensor:
        """Learn from rows of the data, (batch,); factor: of every learning rate's peak.

        Returns the mean loss, (), not yet synchronised. Raises TextbackError where not even a part
        of one passage fits the device, or what the optimisers remember does not.
        """
        optimizers.set_rate(self.optimizers, factor)
        self._model.train()
        with room_to_train(self._model):
            return self._replay(0, rows)


def _take(
    model: Inverter, micro: MicroBatches, optimizers: Sequence[Optimizer], rows: Tensor
) -> Tensor:
    """One step. It knows no TrainingStep, which would hold on to itself, and its memory, by it.

    micro and optimizers: the step's own; rows: (batch,) → the mean loss, ()
    """
    try:
        with bulk_precision(model.device.type):
            loss = micro.backward(rows)
        nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_NORM)
        for optimizer in optimizers:
            optimizer.step()
    finally:
        model.zero_grad(set_to_none=True)
    return loss
