"""CUDA graphs: what a GPU did in a step it does again, without Python or launches in between.

A step of decoding is hundreds of kernels, most of them shorter than it takes to launch one.
"""

import functools
from collections.abc import Callable

import torch
from torch import Tensor

from textback.device import out_of_memory
from textback.progress import log

Pool = tuple[int, int]
Recording = tuple[torch.cuda.CUDAGraph, Tensor]  # and where its result lies

FEWEST = 4  # calls: a recording takes as long as a call


class Replay:
    """A function of tensors of one shape, which reads and writes all else in one of few places.

    On a GPU its first call runs as it is, so that whatever is made once, is: weights in the
    precision of products, a compilation. In each place the next call is recorded, and later ones
    are replayed: their result lies where the last one's lay. Elsewhere, for few calls, and where
    recording fails, of which it warns once, all calls run as they are.
    """

    _refused = False

    def __init__(self, function: Callable[..., Tensor], device: str, calls: int) -> None:
        self._function = function
        self._records = device == "cuda" and calls >= FEWEST and not Replay._refused
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
        """Record the function in a place, without running it; whether that went well.

        Without memory for it, this function is not recorded, and others are.
        """
        try:
            self._recordings[place] = _recorded(lambda: self._function(*self._inputs))
        except Exception as error:
            self._records = False
            if not out_of_memory(error):
                reason = " ".join(str(error).split())[:200]
                log.warning("CUDA graphs failed, goes on without them (%s)", reason)
                Replay._refused = True
        return self._records


def _recorded(function: Callable[[], Tensor]) -> Recording:
    """Without the garbage collection that `torch.cuda.graph` begins with each time."""
    try:
        return _captured(function, *_studio(torch.cuda.current_device())[:2])
    except Exception as error:
        if not out_of_memory(error):
            raise
    torch.cuda.empty_cache()  # which cannot be done while something is recorded
    return _captured(function, *_studio(torch.cuda.current_device())[:2])


@functools.cache
def _studio(device: int) -> tuple[Pool, torch.cuda.Stream, Recording]:
    """The memory that all recordings work in, one after another, their stream, and a recording that
    keeps the memory, as much as the largest took, until the process ends.
    """
    pool, stream = torch.cuda.graph_pool_handle(), torch.cuda.Stream(device)
    return pool, stream, _captured(lambda: torch.zeros(1, device=device), pool, stream)


def _captured(function: Callable[[], Tensor], pool: Pool, stream: torch.cuda.Stream) -> Recording:
    graph = torch.cuda.CUDAGraph()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        graph.capture_begin(pool=pool, capture_error_mode="thread_local")
        try:
            result = function()
        except BaseException:
            _abandon(graph, pool)
            raise
        graph.capture_end()
    torch.cuda.current_stream().wait_stream(stream)
    return graph, result


def _abandon(graph: torch.cuda.CUDAGraph, pool: Pool) -> None:
    """End a recording that went wrong. Torch (2.11) leaves its allocator recording then."""
    try:
        graph.capture_end()
    except RuntimeError:
        torch._C._cuda_endAllocateToPool(torch.cuda.current_device(), pool)
        _studio.cache_clear()
