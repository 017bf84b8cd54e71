"""The device a step runs on, the precision it can use, and what the step cost."""

import functools
import os
import platform
import resource
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.metadata import version
from typing import Any, TypeVar

import torch

from textback.allocator import keep_freed_memory
from textback.errors import TextbackError, unknown_name
from textback.processes import compile_choice
from textback.progress import log

# Of errors that have no type of their own: the CPU allocator's, oneDNN's, and the GPU libraries'.
NO_MEMORY = (
    "can't allocate memory",
    "Cannot allocate memory",  # the system's, where a file is mapped
    "std::bad_alloc",
    "could not create a memory object",
    "could not create a primitive",
    "could not execute a primitive",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDA error: out of memory",
)

Compilable = TypeVar("Compilable", bound=Callable[..., Any])


def pick_device(wanted: str) -> str:
    """`auto` takes CUDA where there is one, with torch's own attention instead of cuDNN's.

    On a CPU the process keeps from now on the memory that it frees. Raises TextbackError for `cuda`
    without one, and for any other name.
    """
    if wanted not in ("auto", "cpu", "cuda"):
        raise unknown_name("device", wanted, ("auto", "cpu", "cuda"))
    available = torch.cuda.is_available()
    # torch 2.15 warns of non-finite gradients of cuDNN's, before 9.26, over 64 keys.
    torch.backends.cuda.enable_cudnn_sdp(False)
    if wanted == "cuda" and not available:
        raise TextbackError(
            "device 'cuda': this machine has no usable GPU: choose cpu, by `device: cpu` or "
            "`--device cpu`, and leave out a profile that wants a GPU"
        )
    if available and wanted != "cpu":
        return "cuda"
    keep_freed_memory()
    return "cpu"


def use_threads(number: int) -> None:
    """Compute with so many CPU threads from now on, tokenizers too."""
    torch.set_num_threads(number)
    os.environ["RAYON_NUM_THREADS"] = str(number)


def bulk_precision(device: str) -> torch.autocast:
    """bf16 for matrix products where the hardware has it, fp32 elsewhere.

    For all but the embeddings that a result is told by.
    """
    return torch.autocast(device, torch.bfloat16, enabled=has_bf16(device))


def screening_precision(device: str) -> torch.autocast | None:
    """bf16 for matrix products; None where the hardware has none, and it would be no faster."""
    return bulk_precision(device) if has_bf16(device) else None


def arithmetic(device: str) -> str:
    """What a training computes in, e.g. `bf16 on cuda`: another one ends in other weights."""
    return f"{'bf16' if has_bf16(device) else 'fp32'} on {device}"


@functools.cache
def has_bf16(device: str) -> bool:
    """Whether the hardware multiplies in bf16; if not, says so once."""
    if device == "cuda":
        supported = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        supported = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    if not supported:
        log.info("%s has no bf16: computes in fp32", device_name(device))
    return supported


def compiled(function: Compilable, device: str, shapes: str = "few") -> Compilable:
    """The function compiled, where `TEXTBACK_COMPILE` wants it on this device.

    shapes: `few`, each of them fast, or `any`, compiled once for all sizes but 1.

    `auto` compiles on a GPU: on 2 CPU cores a small training gains a twentieth to a tenth, less
    than the compilation takes. Where compiling fails, warns once and runs the function as it is.
    """
    wanted = compile_choice()
    if wanted == "off" or (wanted == "auto" and device == "cpu"):
        return function
    if shapes == "any":
        _tell_sizes_apart()
    fast: Any = torch.compile(function, dynamic=True if shapes == "any" else None)

    def run(*arguments: Any) -> Any:
        nonlocal fast
        try:
            return fast(*arguments)
        except Exception as error:
            if fast is function or not compile_failed(error):
                raise
            warn_uncompiled(error)
            fast = function
            return function(*arguments)

    return run


def _tell_sizes_apart() -> None:
    """Of all that is compiled from now on: sizes equal the first time may differ the next.

    Without it torch compiles anew for each way in which they are equal.
    """
    from torch.fx.experimental import _config as settings

    if hasattr(settings, "use_duck_shape"):
        settings.use_duck_shape = False


def compile_failed(error: Exception) -> bool:
    """Whether an error says that torch.compile could not compile."""
    from torch._dynamo.exc import TorchDynamoException  # a second's import, only if needed
    from torch._inductor.exc import InductorError

    return isinstance(error, (TorchDynamoException, InductorError))


def warn_uncompiled(error: Exception) -> None:
    """Say that a function runs without torch.compile."""
    reason = " ".join(str(error).split())[:200]
    log.warning("torch.compile failed, goes on without it (%s)", reason)


def out_of_memory(error: Exception) -> bool:
    """Whether an error is the device's, or the CPU allocator's, which has no type of its own."""
    named = isinstance(error, (torch.OutOfMemoryError, MemoryError))
    said = isinstance(error, RuntimeError) and any(text in str(error) for text in NO_MEMORY)
    return named or said


def rng_kept(device: str) -> AbstractContextManager:
    """Whatever is drawn inside, the random numbers that follow are the same."""
    return torch.random.fork_rng([torch.cuda.current_device()] if device == "cuda" else [])


def device_name(device: str) -> str:
    """What the user would call the device, e.g. `NVIDIA H200` or `AMD EPYC, 2 threads`."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"{_processor()}, {torch.get_num_threads()} thread(s)"


def memory(device: str) -> int:
    """Bytes that the device has in all; on a CPU no more than the process may address."""
    if device == "cuda":
        return torch.cuda.mem_get_info()[1]
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
    return physical if allowed == resource.RLIM_INFINITY else min(physical, allowed)


def peak_memory(device: str) -> int:
    """Most memory this process has held, in bytes: on the GPU, or resident on the CPU."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def cost(device: str, **measured: float) -> dict[str, Any]:
    """A step's record of costs: what was measured, where, and with which versions."""
    packages = ("textback", "torch", "transformers", "sentence-transformers")
    return {
        **measured,
        "peak_memory_bytes": peak_memory(device),
        "device": device_name(device),
        "python": platform.python_version(),
        "versions": {package: version(package) for package in packages},
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
        return names[0]
    except (OSError, IndexError):
        return platform.processor() or platform.machine()
