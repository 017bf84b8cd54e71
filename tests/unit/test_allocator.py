"""What is freed on a CPU is used again, without the system's help."""

import platform
import subprocess
import sys

import pytest

TENSORS = """
import resource
import torch
from textback.device import pick_device

if {kept}:
    pick_device("cpu")
for _ in range(10):
    torch.empty(2**23).fill_(1)  # 32 MiB
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    torch.empty(2**23).fill_(1)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
GLIBC = [int(part) for name, number in [platform.libc_ver()] if name for part in number.split(".")]


@pytest.mark.skipif(GLIBC < [2, 35], reason="an older glibc maps such tensors, come what may")
def test_freed_memory_is_used_again():
    assert faults(kept=False) >= 10 * 2**25 // 2**21  # pages are of 4 KiB, or of 2 MiB
    assert faults(kept=True) < 10


def faults(kept: bool) -> int:
    """Pages that a process asked the system for, while it made and freed ten equal tensors."""
    program = TENSORS.format(kept=kept)
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return int(run.stdout)
