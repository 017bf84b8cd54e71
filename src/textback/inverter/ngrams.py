"""Runs of tokens by number: every token, and the commonest pairs and triples of some passages.

    0 … vocabulary − 1    the tokens
    then                  pairs and triples, KEPT of each, or as many as there can be
    the last              all others

A run's code is its place among all runs of up to three tokens, shorter ones first.
"""

from itertools import accumulate

import torch
from torch import Tensor, nn

WIDEST = 3  # tokens
KEPT = 16_000


class NGrams(nn.Module):
    """See the module's docstring.

    codes: of all that have a number of their own, ascending; where passages had not as many the
    last one possible fills up
    """

    codes: Tensor

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        wider = range(2, WIDEST + 1)
        sizes = [vocabulary, *(min(KEPT, vocabulary**width) for width in wider)]
        self._bounds = [0, *accumulate(sizes)]
        self.register_buffer("codes", torch.arange(self._bounds[-1]))
        for width in wider:
            self._fill(width, self.codes[:0])

    def __len__(self) -> int:
        return len(self.codes) + 1

    def learn(self, ids: Tensor) -> None:
        """Give numbers to the commonest runs of passages, (n, length), in place of all before."""
        for width in range(2, WIDEST + 1):
            self._fill(width, self._commonest(ids, width))

    def forward(self, ids: Tensor) -> list[Tensor]:
        """The numbers of the runs of texts, (…, length) → (…, length − width + 1) by width."""
        widths = range(1, min(WIDEST, ids.shape[-1]) + 1)
        return [self._find(self._codes(ids, width)) for width in widths]

    def numbers(self, width: int) -> slice:
        """Of the runs of a width."""
        return slice(self._bounds[width - 1], self._bounds[width])

    def tokens(self, width: int) -> Tensor:
        """Of the runs of a width, in the order of their numbers, (n, width)."""
        codes = self.codes[self.numbers(width)] - self._first_code(width)
        powers = (self.vocabulary**after for after in reversed(range(width)))
        return torch.stack([codes // power % self.vocabulary for power in powers], 1)

    def _fill(self, width: int, codes: Tensor) -> None:
        """Give the numbers of a width to some codes, ascending."""
        place = self.codes[self.numbers(width)]
        place.fill_(self._first_code(width + 1) - 1)
        place[: len(codes)] = codes

    def _commonest(self, ids: Tensor, width: int) -> Tensor:
        """The codes of a width that passages have most, as many as have numbers, ascending."""
        if width > ids.shape[1]:
            return self.codes[:0]
        found, counts = self._codes(ids, width).unique(return_counts=True)
        most = counts.argsort(descending=True, stable=True)[: len(self.codes[self.numbers(width)])]
        return found[most].sort().values

    def _find(self, codes: Tensor) -> Tensor:
        at = torch.searchsorted(self.codes, codes).clamp_max(len(self.codes) - 1)
        return torch.where(self.codes[at] == codes, at, len(self.codes))

    def _codes(self, ids: Tensor, width: int) -> Tensor:
        places = ids.shape[-1] - width + 1
        code = torch.zeros_like(ids[..., :places], dtype=torch.long)
        for after in range(width):
            code = code * self.vocabulary + ids[..., after : after + places]
        return code + self._first_code(width)

    def _first_code(self, width: int) -> int:
        return sum(self.vocabulary**shorter for shorter in range(1, width))
