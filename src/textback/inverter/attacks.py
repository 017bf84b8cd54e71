"""An inverter's models as the search sees them: numpy in, numpy out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from textback.device import bulk_precision
from textback.inverter import generate, judging
from textback.inverter.model import Inverter, Read
from textback.inverter.search import Attack, Embed
from textback.inverter.starts import First
from textback.inverter.surrogate import Known

# What the hypothesizer and the corrector read of e, and what a surrogate can propose, if any.
Readings = tuple[Read, generate.Reading, list[Known]]


def attack(
    hypothesizer: Inverter,
    corrector: Inverter | None,
    decode: Callable[[Sequence[Sequence[int]]], list[str]],
    embed: Embed,
    first: First,
    screen: Embed | None = None,
) -> Attack:
    """What two models on one device can do; without a corrector they can only guess.

    decode, embed, screen: see `Attack`; first: the hypotheses of round 0
    """

    def guess(target: np.ndarray) -> np.ndarray:
        with bulk_precision(hypothesizer.device.type):
            return first(hypothesizer, _tensor(target, hypothesizer.device)).cpu().numpy()

    if corrector is None:
        return Attack(guess, decode, embed)
    uses_surrogate = corrector.feedback and corrector.surrogate.fitted
    models = _Models(hypothesizer, corrector, uses_surrogate)
    expected = (models.expect, models.imagine) if uses_surrogate else (None, None)
    own = models.read, models.correct, models.edit, models.judge, *expected
    return Attack(guess, decode, embed, *own, screen)


@dataclass(frozen=True)
class _Models:
    """What corrects and edits; the methods' arguments and results are those of `Attack`.

    uses_surrogate: whether the corrector's surrogate takes part: fitted, of a corrector that sees ê
    """

    hypothesizer: Inverter
    corrector: Inverter
    uses_surrogate: bool

    def read(self, target: np.ndarray) -> Readings:
        """For each model what it makes of e, once a text; and what can be proposed."""
        (e,) = self._tensors(target)
        with bulk_precision(self._device.type):
            own = judging.read_once(self.hypothesizer, e)
            read = generate.read_targets(self.corrector, e)
        surrogate, barred = self.corrector.surrogate, self.corrector.barred
        return own, read, surrogate.known(barred) if self.uses_surrogate else []

    def correct(
        self, read: Readings, rows: np.ndarray, vector: np.ndarray, ids: np.ndarray, width: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """What the corrector writes of hypotheses."""
        given = self._tensors(rows, vector, ids)
        with bulk_precision(self._device.type):
            return _arrays(generate.correct(self.corrector, read[1], *given, width))

    def edit(
        self, read: Readings, rows: np.ndarray, vector: np.ndarray, ids: np.ndarray, width: int
    ) -> np.ndarray:
        """Edits that the hypothesizer proposes, and then those of the surrogate."""
        at, near, texts = self._tensors(rows, vector, ids)
        with bulk_precision(self._device.type):
            found = [judging.edit(self.hypothesizer, read[0], at, texts, width)]
        if self.uses_surrogate:
            found.append(judging.substitute(self.corrector, *read[1:], at, near, texts, width))
        return torch.cat(found, 1).cpu().numpy()

    def judge(self, read: Readings, rows: np.ndarray, ids: np.ndarray) -> np.ndarray:
        """What the hypothesizer thinks of edits."""
        with bulk_precision(self._device.type):
            given = self._tensors(rows, ids)
            return judging.judge(self.hypothesizer, read[0], *given).cpu().numpy()

    def expect(
        self,
        read: Readings,
        rows: np.ndarray,
        ids: Sequence[np.ndarray],
        vectors: Sequence[np.ndarray],
        candidates: Sequence[np.ndarray],
    ) -> list[np.ndarray]:
        """The cosines that the surrogate expects; in fp32, as embeddings are compared."""
        given = _on_cpu(ids, vectors, candidates)
        (at,) = self._tensors(rows)
        return [row.numpy() for row in judging.expect(self.corrector, read[1], at, *given)]

    def imagine(
        self,
        ids: Sequence[np.ndarray],
        vectors: Sequence[np.ndarray],
        candidates: Sequence[np.ndarray],
    ) -> list[np.ndarray]:
        """The embeddings that the surrogate expects."""
        given = _on_cpu(ids, vectors, candidates)
        return [row.numpy() for row in judging.imagine(self.corrector, *given)]

    @property
    def _device(self) -> torch.device:
        return self.hypothesizer.device

    def _tensors(self, *arrays: np.ndarray) -> list[torch.Tensor]:
        return [_tensor(array, self._device) for array in arrays]


def _tensor(array: np.ndarray, device: torch.device) -> torch.Tensor:
    return torch.from_numpy(array).to(device)


def _on_cpu(*columns: Sequence[np.ndarray]) -> list[list[torch.Tensor]]:
    return [[*map(torch.from_numpy, column)] for column in columns]


def _arrays(made: tuple[torch.Tensor, torch.Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """Candidates and their log-likelihoods."""
    ids, likelihoods = made
    return ids.cpu().numpy(), likelihoods.float().cpu().numpy()
