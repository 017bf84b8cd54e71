"""Edits of hypotheses: texts that a corrector seldom writes of its own, one change away.

    move          two neighbouring blocks of tokens change places
    substitution  one token gives way to another

A hypothesis near its target often has the right words in another order. Of a length L there are
C(L + 1, 3) moves, so they are judged by one pass of a hypothesizer over the hypothesis, which tells
how likely each token is after each of its beginnings: a move changes what follows what in three
places.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def moves(logp: Tensor, ids: Tensor, most: int) -> Tensor:
    """The moves of each hypothesis that promise most, or all where there are fewer.

    logp: log-likelihoods of each token after each beginning, from none to the whole,
    (n, length + 1, vocabulary); ids: (n, length) → (n, `most`, length)
    """
    n, length = ids.shape
    first, middle, last = torch.combinations(torch.arange(length + 1, device=ids.device), 3).T
    follows = logp.gather(2, ids[:, None].expand(n, length + 1, length))
    follows = F.pad(follows, (0, 1))  # that the text ends is sure

    def gained(begins: Tensor, token: Tensor) -> Tensor:
        return follows[:, begins, token] - follows[:, begins, begins]

    gain = gained(first, middle) + gained(middle, last) + gained(last, first)
    chosen = gain.topk(min(most, len(first))).indices
    order = _orders(length, *(bound[chosen, None] for bound in (first, middle, last)))
    return ids[:, None].expand(order.shape).gather(2, order)


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
    """The substitutions of each hypothesis that promise most, spread over its tokens.

    logp and ids: as for `moves` → (n, `most`, length)
    """
    own, length = ids[..., None], ids.shape[1]
    each = min(math.ceil(most / length), logp.shape[2])
    gain = (logp[:, :length] - logp[:, :length].gather(2, own)).scatter(2, own, -torch.inf)
    gain, tokens = gain.topk(each)
    tokens = torch.where(gain.isfinite(), tokens, own)  # where there are not as many tokens
    chosen = gain.flatten(1).topk(min(most, each * length)).indices
    place, token = chosen // each, tokens.flatten(1).gather(1, chosen)
    return ids[:, None].repeat(1, place.shape[1], 1).scatter(2, place[..., None], token[..., None])
