"""The device a step runs on, the precision it can use, and what the step cost."""

import platform
import resource
import sys
from importlib.metadata import version
from typing import Any

import torch

from textback.errors import TextbackError, unknown_name


def pick_device(wanted: str) -> str:
    """`auto` takes CUDA where there is one.

    Raises TextbackError for `cuda` without one, and for any other name.
    """
    if wanted not in ("auto", "cpu", "cuda"):
        raise unknown_name("device", wanted, ("auto", "cpu", "cuda"))
    available = torch.cuda.is_available()
    if wanted == "cuda" and not available:
        raise TextbackError("device 'cuda': this machine has no usable GPU: set device: cpu")
    return "cuda" if available and wanted != "cpu" else "cpu"


def bulk_precision(device: str) -> torch.autocast:
    """bf16 for matrix products where the hardware has it, fp32 elsewhere."""
    if device == "cuda":
        supported = torch.cuda.is_bf16_supported()
    else:
        supported = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.autocast(device, torch.bfloat16, enabled=supported)


def device_name(device: str) -> str:
    """What the user would call the device, e.g. `NVIDIA H200` or `AMD EPYC, 2 threads`."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"{_processor()}, {torch.get_num_threads()} thread(s)"


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
