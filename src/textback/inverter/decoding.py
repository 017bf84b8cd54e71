"""Decoding: passages of a fixed length from what a model has read.

Passages of a cell all have one length, so there is no end token and no padding: every sequence
stops after `length` tokens. Caches have their final size from the start (see the backbones).
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from textback.device import compiled
from textback.inverter.backbones import Cache
from textback.inverter.model import Inverter, Read
from textback.inverter.replay import Replay
from textback.processes import compile_choice

Choose = Callable[[Tensor, int], Tensor]  # logits (n, vocabulary), position → tokens (n,)

EAGER_STEPS = (
    40_000  # at 4 ms each, replayed, three minutes: worth more than a minute's compilation
)
DRAWN = -1  # in place of a token that is given


@dataclass(frozen=True)
class Drawing:
    """How tokens are drawn: the distribution's temperature, and the share of it that is kept.

    nucleus: the likeliest tokens that together reach it are kept (Holtzman et al. 2020); 1: all
    """

    temperature: float = 1.0
    nucleus: float = 1.0


@torch.inference_mode()
def beam_search(model: Inverter, read: Read, length: int, width: int) -> tuple[Tensor, Tensor]:
    """The `width` likeliest passages a beam search finds; width 1 is greedy decoding.

    Returns ids, (n, width, length), best first, and log-likelihoods, (n, width).
    """
    if width == 1:
        return _greedy(model, read, length)
    hidden, cache = model.backbone.start(read.memory, length, width, read.draft)
    logp = model.logits(hidden[:, None], read.shared).log_softmax(-1)[:, 0]
    scores, tokens = logp.topk(width)
    ids = tokens[..., None]
    vocabulary = logp.shape[-1]
    step = _stepper(model, cache, read.shared, length)
    for position in _positions(length, hidden.device):
        logits = step(cache.own.place, tokens, position)
        longer = logits.log_softmax(-1).add_(scores[..., None])
        scores, chosen = longer.flatten(1).topk(width)
        parent, tokens = chosen // vocabulary, chosen % vocabulary
        ids = torch.cat([ids.gather(1, parent[..., None].expand_as(ids)), tokens[..., None]], -1)
        cache.own.reorder(parent)
    return ids, scores


@torch.inference_mode()
def sample(
    model: Inverter,
    read: Read,
    length: int,
    how: Drawing,
    chances: Tensor,
    given: Tensor | None = None,
) -> Tensor:
    """One passage drawn for each row, (n, length).

    chances: from 0 to 1, by which tokens are drawn, (n, length); given: tokens that are written
    instead of drawn ones, (n, length), DRAWN elsewhere
    """

    def draw(logits: Tensor, position: int) -> Tensor:
        shares = (logits / how.temperature).softmax(-1)
        below = (shares if how.nucleus == 1 else _nucleus(shares, how.nucleus)).cumsum(-1)
        total = below[:, -1:].contiguous()
        drawn = chances[:, position, None] * total
        # Twenty times as fast on a CPU as torch.multinomial; what is barred adds nothing.
        just_below = torch.nextafter(total, torch.zeros_like(total))
        found = torch.searchsorted(below, torch.minimum(drawn, just_below), right=True)[:, 0]
        if given is None:
            return found
        return torch.where(given[:, position] == DRAWN, found, given[:, position])

    return _one_by_one(model, read, length, draw)


def _nucleus(shares: Tensor, kept: float) -> Tensor:
    """Shares (n, vocabulary) with zero outside the fewest tokens that reach `kept` of the sum."""
    ordered, order = shares.sort(-1, descending=True)
    outside = ordered.cumsum(-1) - ordered >= kept
    return ordered.masked_fill(outside, 0.0).gather(-1, order.argsort(-1))


def _greedy(model: Inverter, read: Read, length: int) -> tuple[Tensor, Tensor]:
    scores = torch.zeros(len(read.memory), device=read.memory.device)

    def best(logits: Tensor, position: int) -> Tensor:
        value, token = logits.log_softmax(-1).max(-1)
        scores.add_(value)
        return token

    ids = _one_by_one(model, read, length, best)
    return ids[:, None], scores[:, None]


def _one_by_one(model: Inverter, read: Read, length: int, choose: Choose) -> Tensor:
    """Write one beam, each token as `choose` chooses it, (n, length)."""
    hidden, cache = model.backbone.start(read.memory, length, 1, read.draft)
    written = [choose(model.logits(hidden[:, None], read.shared)[:, 0], 0)]
    step = _stepper(model, cache, read.shared, length)
    for position in _positions(length, hidden.device):
        logits = step(cache.own.place, written[-1][:, None], position)
        written.append(choose(logits[:, 0], len(written)))
    return torch.stack(written, 1)


def _stepper(model: Inverter, cache: Cache, shared: Tensor | None, length: int) -> Replay:
    """Steps of one batch: place of the cache, last ids (n, width), position → logits.

    Those of a step are gone at the next. length: about how many there will be
    """
    device = model.device.type
    step = _steps(device).of_a_batch(length)

    def take(ids: Tensor, position: Tensor) -> Tensor:
        return step(model, ids, position, cache, shared)

    return Replay("decoding", take, device, length - 1)


class _Steps:
    """A step as it is, and compiled: with `auto` from where compilation is worth its time.

    Batches are taken whole: nothing may be compiled while a step is recorded.
    """

    def __init__(self, device: str) -> None:
        self._compiled = compiled(_step, device, shapes="any")
        self._left = EAGER_STEPS if compile_choice() == "auto" else 0

    def of_a_batch(self, steps: int) -> Callable[..., Tensor]:
        """The one to take for so many steps."""
        if self._left <= 0:
            return self._compiled
        self._left -= steps
        return _step


def _step(
    model: Inverter, ids: Tensor, position: Tensor, cache: Cache, shared: Tensor | None
) -> Tensor:
    """Logits of the next token of each beam, last ids (n, width) → (n, width, vocabulary)."""
    return model.logits(model.backbone.step(ids, position, cache), shared)


@functools.cache
def _steps(device: str) -> _Steps:
    return _Steps(device)


def _positions(length: int, device: torch.device) -> Tensor:
    """Of the tokens after the first; each position is a tensor, so that a step compiles once."""
    return torch.arange(1, length, device=device)
