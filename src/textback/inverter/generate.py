"""Texts in bulk from trained models: batched over any number of rows."""

from collections.abc import Iterator

import torch
from torch import Tensor

from textback.inverter import decoding
from textback.inverter.model import Inverter
from textback.progress import chunks

BATCH = 512  # rows decoded together


@torch.inference_mode()
def guess(model: Inverter, target: Tensor, length: int, label: str | None = None) -> Tensor:
    """The hypothesizer's greedy passages, e (n, dim) → ids (n, length)."""
    return torch.cat(
        [
            decoding.beam_search(model, *model.encode(target[rows]), length, 1)[0][:, 0]
            for rows in _batches(len(target), label)
        ]
    )


@torch.inference_mode()
def sample(
    model: Inverter, target: Tensor, length: int, temperature: float, seed: int, label: str
) -> Tensor:
    """Passages drawn from the hypothesizer, e (n, dim) → ids (n, length)."""
    generator = torch.Generator(target.device).manual_seed(seed)
    return torch.cat(
        [
            decoding.sample(model, *model.encode(target[rows]), length, temperature, generator)
            for rows in _batches(len(target), label)
        ]
    )


@torch.inference_mode()
def correct(model: Inverter, target: Tensor, vector: Tensor, ids: Tensor, width: int) -> Tensor:
    """The corrector's `width` likeliest passages.

    target: e (n, dim), vector: ê (n, dim), ids: x̂ (n, length) → (n, width, length)
    """
    length = ids.shape[1]
    return torch.cat(
        [
            decoding.beam_search(
                model, *model.encode(target[rows], vector[rows], ids[rows]), length, width
            )[0]
            for rows in _batches(len(target), None)
        ]
    )


def _batches(rows: int, label: str | None) -> Iterator[slice]:
    if label is not None:
        return chunks(label, rows, BATCH, "passages")
    return (slice(start, start + BATCH) for start in range(0, rows, BATCH))
