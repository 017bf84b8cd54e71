"""CUDA graphs: what a GPU did in a step it does again, without Python or launches in between.

A step of decoding is hundreds of kernels, most of them shorter than it takes to launch one.
"""

import functools
from collections.abc import Callable

import torch
from torch import Tensor

from textback.device import out_of_memory
from textback.progress import log

Recording = tuple[torch.cuda.CUDAGraph, Tensor]  # and where its result lies


class Replay:
    """A function of tensors of one shape, which reads and writes all else in one of few places.

    On a GPU its first call runs as it is, so that whatever is made once, is: weights in the
    precision of products, a compilation. In each place the next call is recorded, and later ones
    are replayed: their result lies where the last one's lay. Elsewhere, and where recording fails,
    of which it warns once, all calls run as they are.
    """

    _refused = False

    def __init__(self, function: Callable[..., Tensor], device: str) -> None:
        self._function = function
        self._records = device == "cuda" and not Replay._refused
        self._inputs: tuple[Tensor, ...] | None = None
        self._recordings: dict[int, Recording] = {}

    def __call__(self, place: int, *inputs: Tensor) -> Tensor:
        """The function of the inputs; place: where all else lies."""
        if not self._records:
            return self._function(*inputs)
        if self._inputs is None:
            self._inputs = tuple(part.clone() for part in inputs)
            return self._function(*self._inputs)
        for kept, new in zip(self._inputs, inputs, strict=True):
            kept.copy_(new)
        if place not in self._recordings and not self._record(place):
            return self._function(*self._inputs)
        graph, result = self._recordings[place]
        graph.replay()
        return result

    def _record(self, place: int) -> bool:
        """Record the function in a place, without running it; whether that went well."""
        try:
            self._recordings[place] = _recorded(lambda: self._function(*self._inputs))
        except Exception as error:
            if out_of_memory(error):
                raise
            reason = " ".join(str(error).split())[:200]
            log.warning("CUDA graphs failed, goes on without them (%s)", reason)
            self._records, Replay._refused = False, True
        return self._records


def _recorded(function: Callable[[], Tensor]) -> Recording:
    """`torch.cuda.graph` would collect garbage and free the allocator's memory each time."""
    pool, _ = _pool(torch.cuda.current_device())
    return _captured(function, pool)


@functools.cache
def _pool(device: int) -> tuple[tuple[int, int], Recording]:
    """The memory that all recordings work in, one after another, and one that keeps it alive."""
    pool = torch.cuda.graph_pool_handle()
    return pool, _captured(lambda: torch.zeros(1, device=device), pool)


def _captured(function: Callable[[], Tensor], pool: tuple[int, int]) -> Recording:
    graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        graph.capture_begin(pool=pool, capture_error_mode="thread_local")
        try:
            result = function()
        finally:
            graph.capture_end()
    torch.cuda.current_stream().wait_stream(stream)
    return graph, result
