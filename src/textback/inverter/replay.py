"""CUDA graphs: what a GPU did in a step it does again, without Python or launches in between.

A step of decoding or training is hundreds of kernels, most of them shorter than it takes to launch
one.
"""

import functools
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import ClassVar

import torch
from torch import Tensor

from textback.device import out_of_memory
from textback.progress import log

Pool = tuple[int, int]
Recording = tuple[torch.cuda.CUDAGraph, Tensor]  # and where its result lies
Place = tuple[Pool, torch.cuda.Stream]  # where a recording is made: memory and stream

FEWEST = 4  # calls: a recording takes as long as a call


class Studio:
    """Of forward passes: recordings of a device work in one memory, one after another."""

    def place(self, device: int) -> Place:
        """Where the next recording is made."""
        return _shared_place(device)[0]

    def rehearse(self, function: Callable[[], Tensor]) -> Tensor:
        """Run what will be recorded."""
        return function()

    def clear(self) -> None:
        """Called before a recording."""


class BackwardStudio(Studio):
    """Of functions with backward passes, in which autograd remembers the stream they first ran on.

    So they are rehearsed on that of recordings, and what is left of passes on others is collected.
    The memory of a recording is its own, and given back with it.
    """

    def place(self, device: int) -> Place:
        """See `Studio.place`."""
        return torch.cuda.graph_pool_handle(), _stream(device)

    def rehearse(self, function: Callable[[], Tensor]) -> Tensor:
        """See `Studio.rehearse`."""
        stream = _stream(torch.cuda.current_device())
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            result = function()
        torch.cuda.current_stream().wait_stream(stream)
        return result

    def clear(self) -> None:
        """See `Studio.clear`."""
        gc.collect()


class Replay:
    """A function of tensors of one shape, which reads and writes all else in one of few places.

    On a GPU its first call runs as it is, so that whatever is made once, is: weights in the
    precision of products, a compilation. In each place the next call is recorded, and later ones
    are replayed: their result lies where the last one's lay. Elsewhere, for few calls, and where
    recording fails, of which it warns once, all calls run as they are.

    what: for the warning, e.g. `decoding`; where one of a kind failed, none is recorded again.
    calls: how many there will be, at most.
    """

    _refused: ClassVar[set[str]] = set()
    recording = False  # whether one is at this moment: what went wrong must not be mended then
    _launching = False

    def __init__(
        self,
        what: str,
        function: Callable[..., Tensor],
        device: str,
        calls: float,
        studio: Studio | None = None,
    ) -> None:
        self._what, self._function, self._studio = what, function, studio or Studio()
        worth = device == "cuda" and calls >= FEWEST
        self._records = worth and not Replay._launching and what not in Replay._refused
        self._inputs: tuple[Tensor, ...] | None = None
        self._recordings: dict[int, Recording] = {}

    @staticmethod
    @contextmanager
    def launching() -> Iterator[None]:
        """Those made inside never record: for what counts launched operations."""
        before, Replay._launching = Replay._launching, True
        try:
            yield
        finally:
            Replay._launching = before

    def __call__(self, place: int, *inputs: Tensor) -> Tensor:
        """The function of the inputs; place: where all else lies."""
        if not self._records:
            return self._function(*inputs)
        if self._inputs is None:
            self._inputs = tuple(part.clone() for part in inputs)
            return self._studio.rehearse(self._launch)
        for kept, new in zip(self._inputs, inputs, strict=True):
            kept.copy_(new)
        if place not in self._recordings and not self._record(place):
            return self._launch()
        graph, result = self._recordings[place]
        graph.replay()
        return result

    def _launch(self) -> Tensor:
        return self._function(*self._inputs)

    def _record(self, place: int) -> bool:
        """Record the function in a place, without running it; whether that went well.

        Without memory for it, this function is not recorded, and others are.
        """
        Replay.recording = True
        try:
            self._recordings[place] = _recorded(self._launch, self._studio)
        except Exception as error:
            self._records = False
            if not out_of_memory(error):
                reason = " ".join(str(error).split())[:200]
                log.warning(
                    "CUDA graphs of %s failed, goes on without them (%s)", self._what, reason
                )
                Replay._refused.add(self._what)
        finally:
            Replay.recording = False
        return self._records


def _recorded(function: Callable[[], Tensor], studio: Studio) -> Recording:
    """Without what `torch.cuda.graph` begins with each time: waiting, and emptying caches."""
    studio.clear()
    try:
        return _captured(function, *studio.place(torch.cuda.current_device()))
    except Exception as error:
        if not out_of_memory(error):
            raise
    torch.cuda.empty_cache()  # which cannot be done while something is recorded
    return _captured(function, *studio.place(torch.cuda.current_device()))


@functools.cache
def _stream(device: int) -> torch.cuda.Stream:
    """Of all recordings."""
    return torch.cuda.Stream(device)


@functools.cache
def _shared_place(device: int) -> tuple[Place, Recording]:
    """With a recording that keeps the memory, as much as the largest took, to the process's end."""
    place = torch.cuda.graph_pool_handle(), _stream(device)
    return place, _captured(lambda: torch.zeros(1, device=device), *place)


def _captured(function: Callable[[], Tensor], pool: Pool, stream: torch.cuda.Stream) -> Recording:
    graph = torch.cuda.CUDAGraph()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        graph.capture_begin(pool=pool, capture_error_mode="thread_local")
        try:
            result = function()
        except BaseException:
            with suppress(RuntimeError):  # which says less than the error before
                _end(graph, pool)
            raise
        _end(graph, pool)
    torch.cuda.current_stream().wait_stream(stream)
    return graph, result


def _end(graph: torch.cuda.CUDAGraph, pool: Pool) -> None:
    """End a recording, on its stream. Raises RuntimeError where it is not one.

    Torch 2.11 leaves its allocator recording then, and its random generator, which goes on to draw
    only after a recording that went well.
    """
    try:
        graph.capture_end()
    except RuntimeError:
        with suppress(RuntimeError):  # where torch has ended it by itself
            torch._C._cuda_endAllocateToPool(torch.cuda.current_device(), pool)
        _shared_place.cache_clear()
        well = torch.cuda.CUDAGraph()
        well.capture_begin(capture_error_mode="thread_local")
        torch.zeros(1, device="cuda")
        well.capture_end()
        raise
