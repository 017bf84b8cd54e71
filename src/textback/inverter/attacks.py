"""An inverter's models as the search sees them: numpy in, numpy out."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from textback.device import search_precision
from textback.inverter import generate
from textback.inverter.model import Inverter, Read
from textback.inverter.search import Attack
from textback.inverter.search.states import NEAR_EDITS
from textback.inverter.starts import First

Both = tuple[Read, generate.Reading]  # what the hypothesizer and the corrector read of e


def attack(
    hypothesizer: Inverter,
    corrector: Inverter | None,
    decode: Callable[[Sequence[Sequence[int]]], list[str]],
    embed: Callable[[Sequence[str], np.ndarray], np.ndarray],
    first: First,
) -> Attack:
    """What two models on one device can do; without a corrector they can only guess.

    decode, embed: see `Attack`; first: the hypotheses of round 0
    """
    device = hypothesizer.device.type

    def tensor(values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values).to(hypothesizer.device)

    def guess(target: np.ndarray) -> np.ndarray:
        with search_precision(device):
            return first(hypothesizer, tensor(target)).cpu().numpy()

    if corrector is None:
        return Attack(guess, decode, embed)

    def read(target: np.ndarray) -> Both:
        e = tensor(target)
        with search_precision(device):
            return generate.read_once(hypothesizer, e), generate.read_targets(corrector, e)

    def correct(
        read: Both,
        rows: np.ndarray,
        vector: np.ndarray,
        ids: np.ndarray,
        width: int,
    ) -> tuple[np.ndarray, np.ndarray]:
        inputs = (tensor(part) for part in (rows, vector, ids))
        with search_precision(device):
            return _arrays(generate.correct(corrector, read[1], *inputs, width))

    def edit(
        read: Both,
        rows: np.ndarray,
        vector: np.ndarray,
        ids: np.ndarray,
        width: int,
    ) -> tuple[np.ndarray, np.ndarray]:
        at, vectors, texts = (tensor(part) for part in (rows, vector, ids))
        near = None
        if predicts:
            most = NEAR_EDITS * width
            near = generate.substitute(corrector, read[1], at, vectors, texts, most)
        with search_precision(device):
            return _arrays(generate.edit(hypothesizer, read[0], at, texts, width, near))

    def predict(
        read: Both,
        rows: np.ndarray,
        vector: np.ndarray,
        ids: np.ndarray,
        candidates: np.ndarray,
    ) -> np.ndarray:
        inputs = (tensor(part) for part in (rows, vector, ids, candidates))
        return generate.predict(corrector, read[1], *inputs).cpu().numpy()

    predicts = corrector.feedback and corrector.surrogate.fitted
    return Attack(guess, decode, embed, read, correct, edit, predict if predicts else None)


def _arrays(made: tuple[torch.Tensor, torch.Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """Candidates and their log-likelihoods."""
    ids, likelihoods = made
    return ids.cpu().numpy(), likelihoods.float().cpu().numpy()
