"""One step of a training: the gradients of a batch, clipped, and what optimisers make of them."""

from torch import Tensor, nn

from textback.config import Training
from textback.device import bulk_precision
from textback.inverter import optimizers, parallel
from textback.inverter.batches import Data
from textback.inverter.micro_batches import MicroBatches
from textback.inverter.model import Inverter
from textback.inverter.replay import FEWEST, Replay

GRADIENT_NORM = 1.0


class TrainingStep:
    """Steps of one training, which change the model in place.

    On a GPU that holds the data and trains alone a step is recorded, and replayed after: it waits
    for no launch. steps: how many there will be, where that is known.
    """

    def __init__(self, model: Inverter, data: Data, budget: Training, steps: int = FEWEST) -> None:
        self._model = model
        self.optimizers = optimizers.build(model, budget)
        self._micro = MicroBatches(model, data, budget.batch // parallel.world())
        alone = parallel.world() == 1 and data.ids.device.type == data.device.type
        device = data.device.type if alone else "cpu"
        self._replay = Replay("training steps", self._take, device, steps, trains=True)

    @property
    def micro_batch(self) -> int:
        """How many passages it takes at a time."""
        return self._micro.size

    def __call__(self, rows: Tensor, rate: float = 1.0) -> Tensor:
        """Learn from rows of the data, (batch,), at a share of the peak learning rate.

        Returns the mean loss, (), not yet synchronised. Raises TextbackError where not even a part
        of one passage fits the device.
        """
        optimizers.set_rate(self.optimizers, rate)
        self._model.train()
        return self._replay(0, rows)

    def _take(self, rows: Tensor) -> Tensor:
        try:
            with bulk_precision(self._model.device.type):
                loss = self._micro.backward(rows)
            nn.utils.clip_grad_norm_(self._model.parameters(), GRADIENT_NORM)
            for optimizer in self.optimizers:
                optimizer.step()
        finally:
            self._model.zero_grad(set_to_none=True)
        return loss
