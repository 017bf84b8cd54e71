"""Texts in bulk from trained models: batched over any number of rows."""

from dataclasses import dataclass

import torch
from torch import Tensor

from textback.inverter import decoding
from textback.inverter.batched import in_batches
from textback.inverter.model import Inverter
from textback.inverter.readers import Projection


@torch.inference_mode()
def guess(
    model: Inverter, target: Tensor, length: int, label: str | None = None, width: int = 1
) -> Tensor:
    """The hypothesizer's likeliest passages a beam search finds, e (n, dim) → ids (n, length)."""

    def decode(rows: slice) -> Tensor:
        return decoding.beam_search(model, model.read(target[rows]), length, width)[0][:, 0]

    return torch.cat(in_batches(decode, target, width, label))


@torch.inference_mode()
def sample(
    model: Inverter,
    target: Tensor,
    length: int,
    how: decoding.Drawing,
    seed: int,
    label: str | None = None,
    given: Tensor | None = None,
) -> Tensor:
    """Passages drawn from the hypothesizer, e (n, dim) → ids (n, length).

    By chances that a row has to itself, whatever the device and the batch. given: as for
    `decoding.sample`
    """
    generator = torch.Generator().manual_seed(seed)
    chances = torch.rand(len(target), length, generator=generator).to(target.device)

    def decode(rows: slice) -> Tensor:
        part = None if given is None else given[rows]
        return decoding.sample(model, model.read(target[rows]), length, how, chances[rows], part)

    return torch.cat(in_batches(decode, target, 1, label))


@dataclass(frozen=True)
class Reading:
    """Targets e, (n, dim), and what a corrector makes of them, once a text."""

    targets: Tensor
    projected: Projection

    def of(self, rows: Tensor) -> tuple[Projection, Tensor]:
        """The projections and targets of some rows, (m,)."""
        inputs, shared = self.projected
        return (inputs[rows], None if shared is None else shared[rows]), self.targets[rows]


@torch.inference_mode()
def read_targets(model: Inverter, targets: Tensor) -> Reading:
    """What a corrector reads of e, (n, dim)."""
    return Reading(targets, model.reader.project(targets, 0))


@torch.inference_mode()
def correct(
    model: Inverter,
    reading: Reading,
    rows: Tensor,
    vector: Tensor,
    ids: Tensor,
    width: int,
    label: str | None = None,
) -> tuple[Tensor, Tensor]:
    """The corrector's `width` likeliest passages, and their log-likelihoods.

    As many as it has tokens to write, where those are fewer.

    rows: of the reading, (m,); vector: ê (m, dim); ids: x̂ (m, length) → (m, width, length) and
    (m, width)
    """
    length, width = ids.shape[1], min(width, model.writable)

    def decode(part: slice) -> tuple[Tensor, Tensor]:
        projected, target = reading.of(rows[part])
        read = model.read_projected(projected, target, vector[part], ids[part])
        return decoding.beam_search(model, read, length, width)

    found, likelihoods = zip(*in_batches(decode, ids, width, label), strict=True)
    return torch.cat(found), torch.cat(likelihoods)
