"""Texts in bulk from trained models: batched over any number of rows."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from textback.inverter import decoding
from textback.inverter.model import Inverter
from textback.inverter.readers import Projection
from textback.progress import chunks

BATCH = {"cpu": 512, "cuda": 2048}  # sequences decoded together


@torch.inference_mode()
def guess(
    model: Inverter, target: Tensor, length: int, label: str | None = None, width: int = 1
) -> Tensor:
    """The hypothesizer's likeliest passages a beam search finds, e (n, dim) → ids (n, length)."""
    return torch.cat(
        [
            decoding.beam_search(model, model.read(target[rows]), length, width)[0][:, 0]
            for rows in _batches(target, width, label)
        ]
    )


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

    given: as for `decoding.sample`
    """
    generator = torch.Generator(target.device).manual_seed(seed)
    return torch.cat(
        [
            decoding.sample(
                model,
                model.read(target[rows]),
                length,
                how,
                generator,
                None if given is None else given[rows],
            )
            for rows in _batches(target, 1, label)
        ]
    )


@dataclass(frozen=True)
class Reading:
    """Targets e, (n, dim), and what a corrector makes of them, once a text."""

    targets: Tensor
    projected: Projection


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

    rows: of the reading, (m,); vector: ê (m, dim); ids: x̂ (m, length) → (m, width, length) and
    (m, width)
    """
    length = ids.shape[1]
    inputs, shared = reading.projected
    found = []
    for part in _batches(ids, width, label):
        row = rows[part]
        projected = (inputs[row], None if shared is None else shared[row])
        read = model.read_projected(projected, reading.targets[row], vector[part], ids[part])
        found.append(decoding.beam_search(model, read, length, width))
    ids, likelihoods = zip(*found, strict=True)
    return torch.cat(ids), torch.cat(likelihoods)


def _batches(rows: Tensor, width: int, label: str | None) -> Iterator[slice]:
    """Slices over rows, so many that a batch decodes about BATCH sequences."""
    size = max(1, BATCH[rows.device.type] // width)
    if label is not None:
        return chunks(label, len(rows), size, "passages")
    return (slice(start, start + size) for start in range(0, len(rows), size))
