"""What beams have written: the keys and values of a decoder's layers, and attention to them.

Beams change places after each token. `Copied` copies their past along; `Indexed` leaves it where it
was written, and knows where that is, which takes a kernel of its own (`kernels.py`).
"""

import functools
from typing import Protocol

import torch
from torch import Tensor

from textback.device import out_of_memory
from textback.progress import log

Pair = tuple[Tensor, Tensor]  # keys and values
NEAR = 0.02  # relative: bf16 rounds by less, fp32 by far less


class Written(Protocol):
    """Of n texts × `width` beams, in caches of fixed size.

    place: where they lie; a recorded step finds them there again (`replay.py`)
    """

    place: int

    def attend(
        self,
        layer: int,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        index: Tensor,
        read: Pair | None = None,
        bias: Tensor | None = None,
    ) -> Tensor:
        """Write a position of each beam, and attend from it to what its beam has written.

        query: scaled, (n, beams, heads, head_dim), of the first beams; key, value: (n, beams,
        groups, head_dim), of a single beam are written into every beam's; index: the position, ();
        read: keys and values of a prefix that a text's beams share, (n, groups, prefix, head_dim);
        bias: of the positions, (heads, length) → as `query`
        """

    def reorder(self, parent: Tensor) -> None:
        """Let beam j of text i go on from beam parent[i, j], (n, width)."""


class Copied:
    """See `Written`. `layers`: (n, width, groups, length, head_dim) each, in one of two places."""

    def __init__(self, layers: int, shape: tuple[int, int, int, int, int], like: Tensor) -> None:
        n, width, length, groups, head_dim = shape
        size = (n, width, groups, length, head_dim)
        self.layers = [(like.new_zeros(size), like.new_zeros(size)) for _ in range(layers)]
        self.place = 0
        self._other: list[Pair] | None = None

    def attend(
        self,
        layer: int,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        index: Tensor,
        read: Pair | None = None,
        bias: Tensor | None = None,
    ) -> Tensor:
        """See `Written.attend`."""
        n, beams, heads, head_dim = query.shape
        own = self.layers[layer]
        for kept, added in zip(own, (key, value), strict=True):
            added = added[..., None, :].expand(-1, kept.shape[1], -1, -1, -1)
            kept.index_copy_(3, index.view(1), added.to(kept.dtype))
        keys, values = (kept[:, :beams] for kept in own)
        groups, length = keys.shape[2:4]
        query = query.view(n, beams, groups, -1, head_dim)
        scores = query @ keys.transpose(-1, -2)
        if bias is not None:
            scores = scores + bias.view(groups, -1, length)
        unwritten = torch.arange(length, device=index.device) > index
        scores = scores.masked_fill(unwritten, -torch.inf)
        if read is not None:
            scores = torch.cat([_asked(query, read[0]), scores], -1)
        shares = scores.softmax(-1, torch.float32).to(query.dtype)
        mixed = shares[..., -length:] @ values
        if read is not None:
            mixed = mixed + _mixed(shares[..., :-length], read[1])
        return mixed.reshape(n, beams, heads, head_dim)

    def reorder(self, parent: Tensor) -> None:
        """See `Written.reorder`. Whole beams are copied by one index; by two, elements would be
        gathered one by one.
        """
        if self._other is None:
            self._other = [tuple(map(torch.empty_like, pair)) for pair in self.layers]
        first = torch.arange(0, parent.numel(), parent.shape[1], device=parent.device)
        beams = (first[:, None] + parent).flatten()
        for pair, others in zip(self.layers, self._other, strict=True):
            for kept, other in zip(pair, others, strict=True):
                torch.index_select(kept.flatten(0, 1), 0, beams, out=other.flatten(0, 1))
        self.layers, self._other = self._other, self.layers
        self.place = 1 - self.place


def _asked(query: Tensor, keys: Tensor) -> Tensor:
    """Scores of a prefix. The beams of a text read the same one: they are rows of one product.

    query: (n, beams, groups, heads a group, head_dim); keys: (n, groups, prefix, head_dim) → (n,
    beams, groups, heads a group, prefix)
    """
    n, beams, groups = query.shape[:3]
    together = query.transpose(1, 2).reshape(n, groups, -1, query.shape[4])
    scores = together @ keys.transpose(-1, -2)
    return scores.view(n, groups, beams, -1, keys.shape[2]).transpose(1, 2)


def _mixed(shares: Tensor, values: Tensor) -> Tensor:
    """Of a prefix's values; shares: (n, beams, groups, heads a group, prefix)."""
    n, beams, groups = shares.shape[:3]
    together = shares.transpose(1, 2).reshape(n, groups, -1, shares.shape[4])
    return (together @ values).view(n, groups, beams, -1, values.shape[3]).transpose(1, 2)


class Indexed:
    """See `Written`. `layers`: (n, length, width, groups, head_dim) each, in one place.

    slots: at which of the beams' places lies what beam j of text i wrote, (n, width, length)
    """

    place = 0

    def __init__(self, layers: int, shape: tuple[int, int, int, int, int], like: Tensor) -> None:
        n, width, length, groups, head_dim = shape
        size = (n, length, width, groups, head_dim)
        self.layers = [(like.new_empty(size), like.new_empty(size)) for _ in range(layers)]
        self._own = torch.arange(width, dtype=torch.int32, device=like.device)[:, None]
        self._written = torch.zeros(length, dtype=torch.bool, device=like.device)
        self.slots = self._own.expand(n, width, length).contiguous()

    def attend(
        self,
        layer: int,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        index: Tensor,
        read: Pair | None = None,
        bias: Tensor | None = None,
    ) -> Tensor:
        """See `Written.attend`."""
        from textback.inverter.backbones import kernels

        if layer == 0:
            self._written.index_fill_(0, index.view(1), True)
        own = self.layers[layer]
        for kept, added in zip(own, (key, value), strict=True):
            added = added.expand(-1, kept.shape[2], -1, -1)[:, None]
            kept.index_copy_(1, index.view(1), added.to(kept.dtype))
        return kernels.attend(query, *own, self.slots, index, read, bias)

    def reorder(self, parent: Tensor) -> None:
        """See `Written.reorder`: of what is not written yet each beam keeps its own place."""
        past = self.slots.gather(1, parent[..., None].expand_as(self.slots))
        self.slots.copy_(torch.where(self._written, past, self._own))


def written(layers: int, shape: tuple[int, int, int, int, int], like: Tensor) -> Written:
    """Nothing yet; shape: n, width, length, groups, head_dim; like: a tensor of its kind."""
    return _kind(like, shape[-1])(layers, shape, like)


def _kind(like: Tensor, head_dim: int) -> type[Copied] | type[Indexed]:
    kernels = like.device.type == "cuda" and _has_kernels(like.dtype, head_dim)
    return Indexed if kernels else Copied


@functools.cache
def _has_kernels(dtype: torch.dtype, head_dim: int, device: str = "cuda") -> bool:
    """Whether Triton's kernels run on the GPU, which takes a C compiler, and say what copies say.

    If not, says so once.
    """
    try:
        strayed = max(_strayed(dtype, head_dim, prefix, device) for prefix in (0, 70))
        problem = None if strayed <= NEAR else f"off by {strayed:.2g}"
    except Exception as error:
        if out_of_memory(error):
            raise
        problem = " ".join(str(error).split())[:200]
    if problem is not None:
        log.warning("Triton's kernels fail, decoding copies beams instead (%s)", problem)
    return problem is None


@torch.no_grad()
def _strayed(dtype: torch.dtype, head_dim: int, prefix: int, device: str) -> float:
    """How far attention is from what it is where beams are copied, relative, in the norm.

    Of 17 beams that change places nine times, four heads, two groups. prefix: its length, or 0 for
    a bias instead
    """
    generator = torch.Generator(device).manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, dtype=dtype, device=device, generator=generator)

    query = drawn(9, 1, 17, 4, head_dim) * head_dim**-0.5
    key, value = drawn(2, 9, 1, 17, 2, head_dim)
    shared = {"read": tuple(drawn(2, 1, 2, prefix, head_dim))} if prefix else {"bias": drawn(4, 9)}
    parents = torch.randint(17, (9, 1, 17), device=device, generator=generator)
    positions, found = torch.arange(9, device=device), []
    for kind in (Copied, Indexed):
        own = kind(1, (1, 17, 9, 2, head_dim), query)
        for position, *new, parent in zip(positions, query, key, value, parents, strict=True):
            mixed = own.attend(0, *new, position, **shared)
            own.reorder(parent)
        found.append(mixed.float())
    return float((found[1] - found[0]).norm() / found[0].norm())
