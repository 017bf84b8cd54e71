"""Edits of hypotheses: texts that a corrector seldom writes of its own, one change away.

    move          two neighbouring blocks of tokens change places
    substitution  tokens give way to others

A hypothesis near its target often has the right words in another order. Of a length L there are
C(L + 1, 3) moves, so they are ranked by one pass of a hypothesizer over the hypothesis, which tells
how likely each token is after each of its beginnings: a move changes what follows what in three
places. Of substitutions those of one token are chosen so, too, and as many others, of one to three,
by a surrogate of the embedder (`surrogate.py`).
"""

import functools
import math

import torch
from torch import Tensor
from torch.nn import functional as F

UNLIKELY = -99.0  # nats, of a token in a hypothesis that would never be written


def moves(logp: Tensor, ids: Tensor, most: int) -> Tensor:
    """The moves of each hypothesis that promise most, or all where there are fewer.

    What would leave a text as it is comes last. logp: log-likelihoods of each token after each
    beginning, from none to the whole, (n, length + 1, vocabulary); ids: (n, length) → (n, `most`,
    length)
    """
    n, length = ids.shape
    first, middle, last = _bounds(length, ids.device)
    follows = logp.gather(2, ids[:, None].expand(n, length + 1, length)).clamp_min(UNLIKELY)
    follows = F.pad(follows, (0, 1))  # that the text ends is sure

    def gained(begins: Tensor, token: Tensor) -> Tensor:
        return follows[:, begins, token] - follows[:, begins, begins]

    gain = gained(first, middle) + gained(middle, last) + gained(last, first)
    gain, chosen = gain.topk(min(2 * most, len(first)))
    order = _orders(length, *(bound[chosen, None] for bound in (first, middle, last)))
    moved = ids[:, None].expand(order.shape).gather(2, order)
    gain = gain.masked_fill((moved == ids[:, None]).all(2), -torch.inf)
    kept = gain.topk(min(most, len(first))).indices
    return moved.gather(1, kept[..., None].expand(*kept.shape, length))


@functools.cache
def _bounds(length: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Where each move's first block begins, its second begins and ends, (moves,) each."""
    return torch.combinations(torch.arange(length + 1), 3).T.to(device).unbind()


def _orders(length: int, first: Tensor, middle: Tensor, last: Tensor) -> Tensor:
    """Which token stands where after a move, bounds (…, 1) → (…, length).

    Tokens from `middle` to `last` stand before those from `first` to `middle`.
    """
    place = torch.arange(length, device=first.device)
    moved = torch.where(
        place < first + last - middle, place + middle - first, place + middle - last
    )
    return torch.where((place < first) | (place >= last), place, moved)


def substitutions(logp: Tensor, ids: Tensor, most: int) -> Tensor:
    """The substitutions of a token in each hypothesis that promise most, spread over its places.

    logp and ids: as for `moves` → (n, `most`, length)
    """
    own, length = ids[..., None], ids.shape[1]
    each = min(math.ceil(most / length), logp.shape[2])
    before = logp[:, :length].gather(2, own).clamp_min(UNLIKELY)
    gain, tokens = (logp[:, :length] - before).scatter(2, own, -torch.inf).topk(each)
    tokens = torch.where(gain.isneginf(), own, tokens)  # where there are not as many tokens
    chosen = gain.flatten(1).topk(min(most, each * length)).indices
    place, token = chosen // each, tokens.flatten(1).gather(1, chosen)
    return ids[:, None].repeat(1, place.shape[1], 1).scatter(2, place[..., None], token[..., None])
