"""Runs of tokens by number: every token, and the commonest pairs and triples of some passages.

    0 … vocabulary − 1    the tokens
    then                  pairs and triples, KEPT of each, or as many as there can be
    the last              all others

A run's code is its place among all runs of up to three tokens, shorter ones first.
"""

from collections.abc import Iterator
from itertools import accumulate

import torch
from torch import Tensor, nn

WIDEST = 3  # tokens
KEPT = 16_000


class NGrams(nn.Module):
    """See the module's docstring.

    codes: of all that have a number of their own, ascending; where passages had not as many the
    last possible one fills up
    """

    codes: Tensor

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self._vocabulary = vocabulary
        parts = [torch.arange(vocabulary)]
        for width in range(2, WIDEST + 1):
            most = min(KEPT, vocabulary**width)
            parts.append(torch.full((most,), self._first_code(width + 1) - 1))
        self._bounds = [0, *accumulate(map(len, parts))]
        self.register_buffer("codes", torch.cat(parts))

    def __len__(self) -> int:
        return len(self.codes) + 1

    def learn(self, ids: Tensor) -> None:
        """Give numbers to the commonest runs of passages, (n, length)."""
        for width in range(2, min(WIDEST, ids.shape[1]) + 1):
            codes = self._codes(ids, width).flatten()
            found, counts = codes.unique(return_counts=True)
            place = self.codes[self._numbers(width)]
            kept = found[counts.argsort(descending=True, stable=True)[: len(place)]]
            place[: len(kept)] = kept.sort().values

    def forward(self, ids: Tensor) -> list[Tensor]:
        """The numbers of the runs of texts, (…, length) → (…, length − width + 1) by width."""
        return [self._find(self._codes(ids, width)) for width in self._widths(ids)]

    def tokens(self, width: int) -> Tensor:
        """Of all runs of a width that have a number, in their order, (n, width)."""
        codes = self.codes[self._numbers(width)] - self._first_code(width)
        return codes[:, None] // self._powers(width, codes.device) % self._vocabulary

    def _find(self, codes: Tensor) -> Tensor:
        at = torch.searchsorted(self.codes, codes).clamp_max(len(self.codes) - 1)
        return torch.where(self.codes[at] == codes, at, len(self.codes))

    def _codes(self, ids: Tensor, width: int) -> Tensor:
        runs = ids.long().unfold(-1, width, 1)
        return (runs * self._powers(width, ids.device)).sum(-1) + self._first_code(width)

    def _first_code(self, width: int) -> int:
        return sum(self._vocabulary**shorter for shorter in range(1, width))

    def _powers(self, width: int, device: torch.device) -> Tensor:
        powers = [self._vocabulary**after for after in reversed(range(width))]
        return torch.tensor(powers, device=device)

    def _numbers(self, width: int) -> slice:
        return slice(self._bounds[width - 1], self._bounds[width])

    @staticmethod
    def _widths(ids: Tensor) -> Iterator[int]:
        return range(1, min(WIDEST, ids.shape[-1]) + 1)
