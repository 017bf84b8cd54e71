"""What the C library's allocator does with memory that was freed."""

import ctypes
import functools

# mallopt's parameters, of glibc's malloc.h, in bytes.
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
KEPT = 2**31 - 1  # free at the heap's end: mallopt takes an int
MAPPED = 2**27  # what is as large is given back as soon as it is freed


@functools.cache
def keep_freed_memory() -> None:
    """From now on let the process keep what it frees, and use it again.

    A step of a training makes and frees tensors as large as those of the step before. glibc would
    give most of it back to the system each time, and every page would be zeroed and mapped anew: a
    fifth of a small training's time on a CPU. Other C libraries are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(TRIM_THRESHOLD, KEPT)
        mallopt(MMAP_THRESHOLD, MAPPED)
