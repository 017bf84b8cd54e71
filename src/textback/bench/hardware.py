"""What the device can do at most, and how long work takes on it."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from textback.device import bulk_precision, peak_memory, pick_device, use_threads
from textback.inverter.replay import Replay

SIDE = {"cpu": 2048, "cuda": 8192}  # of the matrices that tell the device's rate
REPEATS = 8  # of their product, the fastest counts

Work = Callable[[], object]


@dataclass(frozen=True)
class Timing:
    """What a work took. peak_memory_bytes: on a CPU, the process's up to then."""

    seconds: float
    peak_memory_bytes: int


def prepare(device: str, threads: int | None) -> str:
    """Set how many threads compute; returns the device, `cpu` or `cuda`.

    Raises TextbackError for a device that is unknown or not there.
    """
    if threads is not None:
        use_threads(threads)
    return pick_device(device)


def seconds_of(work: Work, device: str) -> float:
    """How long a work takes, until the device has done it."""
    synchronise(device)
    began = time.perf_counter()
    work()
    synchronise(device)
    return time.perf_counter() - began


def synchronise(device: str) -> None:
    """Wait until the device has done what it was told."""
    if device == "cuda":
        torch.cuda.synchronize()


def forget_peak(device: str) -> None:
    """Count a GPU's peak memory from now on; a process's cannot be forgotten."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()


def by_turns(works: Mapping[str, Work], turns: int, device: str) -> dict[str, Timing]:
    """Median times of works that take turns, so that a busy moment meets all of them.

    Each is done once before, unmeasured, which tells its memory.
    """
    peaks = {}
    for name, work in works.items():
        forget_peak(device)
        work()
        peaks[name] = peak_memory(device)
    rounds = [
        {name: seconds_of(work, device) for name, work in works.items()} for _ in range(turns)
    ]
    return {
        name: Timing(statistics.median(taken[name] for taken in rounds), peaks[name])
        for name in works
    }


def count_flops(work: Work) -> int:
    """Floating-point operations of a work's matrix products, neither compiled nor replayed."""
    counter = FlopCounterMode(display=False)
    with torch.compiler.set_stance("force_eager"), Replay.launching(), counter:
        work()
    return counter.get_total_flops()


def matmul_rate(device: str, dtype: torch.dtype) -> float:
    """The FLOP/s of a product of large square matrices: the best the device can be hoped to do."""
    side = SIDE[device]
    one, other, product = (torch.randn(side, side, device=device).to(dtype) for _ in range(3))

    def multiply() -> None:
        torch.mm(one, other, out=product)

    multiply()
    return 2 * side**3 / min(seconds_of(multiply, device) for _ in range(REPEATS))


def bulk_dtype(device: str) -> torch.dtype:
    """The type of matrix products in `textback.device.bulk_precision`."""
    with bulk_precision(device):
        enabled = torch.is_autocast_enabled(device)
        return torch.get_autocast_dtype(device) if enabled else torch.float32


def bulk_dtype_name(device: str) -> str:
    """The name of `bulk_dtype`, e.g. `bfloat16`."""
    return str(bulk_dtype(device)).removeprefix("torch.")
