"""The hypotheses of round 0: the hypothesizer's, or others, to see what a search makes of them.

After Morris et al. 2023: Table 1 for beam search and nucleus sampling, Table 5 for the rest.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from textback.inverter import generate
from textback.inverter.decoding import Drawing
from textback.inverter.model import Inverter
from textback.tokenizer import Tokenizer
from textback.trace import partners

First = Callable[[Inverter, Tensor], Tensor]  # hypothesizer, e (n, dim) → ids (n, length)

NUCLEUS = 0.9


def greedy(length: int) -> First:
    """The hypothesizer's greedy passages."""
    return lambda model, target: generate.guess(model, target, length)


def first_hypotheses(
    start: str, passages: np.ndarray, tokenizer: Tokenizer, width: int, seed: int
) -> First:
    """What `start` of `textback.config.Evaluation` says.

    passages: token ids of the texts to be found, (n, length), of which only `unrelated` reads any,
    those of other texts; width: of the beam search
    """
    n, length = passages.shape
    if start == "beam":
        return lambda model, target: generate.guess(model, target, length, width=width)
    if start == "nucleus":
        how = Drawing(nucleus=NUCLEUS)
        return lambda model, target: generate.sample(model, target, length, how, seed)
    if start == "random":
        return lambda model, target: _random(model, (len(target), length), seed)
    if start == "the":
        ids = tokenizer.encode("the " * length)[:length]
        return _always(np.tile(ids, (n, 1)))
    if start == "unrelated":
        return _always(passages[partners(n)])
    return greedy(length)


def _always(ids: np.ndarray) -> First:
    found = torch.from_numpy(ids.astype(np.int64))
    return lambda model, target: found.to(target.device)


def _random(model: Inverter, shape: tuple[int, int], seed: int) -> Tensor:
    """Tokens drawn evenly from those that may be written."""
    allowed = torch.isfinite(model.barred).nonzero()[:, 0]
    drawn = torch.randint(len(allowed), shape, generator=torch.Generator().manual_seed(seed))
    return allowed[drawn.to(allowed.device)]
