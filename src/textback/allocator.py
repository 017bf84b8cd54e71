"""What the C library's allocator does with memory that was freed."""

import ctypes
import functools
import platform

# mallopt's parameters, of glibc's malloc.h, in bytes.
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
KEPT = 2**31 - 1  # free at the heap's end: mallopt takes an int
# What is as large is given back as soon as it is freed; an older glibc takes the second at most.
MAPPED = 2**27, 2**25


@functools.cache
def keep_freed_memory() -> None:
    """From now on let the process keep what it frees, and use it again.

    A step of a training makes and frees tensors as large as those of the step before. glibc would
    give most of it back to the system each time, and every page would be zeroed and mapped anew, a
    tenth to a fifth of a training's time on a CPU. Other C libraries are left as they are.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    mallopt = ctypes.CDLL(None).mallopt
    # A threshold alone would fix the other one where a process begins, far too low.
    if any(mallopt(MMAP_THRESHOLD, size) for size in MAPPED):
        mallopt(TRIM_THRESHOLD, KEPT)
