"""Settings of glibc and of the garbage collector against memory that grows."""

import ctypes
import gc
import sys

# Numbers of glibc's mallopt, from malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_LARGE_BYTES = 8 << 20  # more than a layer of a network makes of a batch, less than a photo has
_MOST_FREE_BYTES = 64 << 20


def return_freed_memory() -> bool:
    """Make glibc return freed memory to the system; return whether it does.

    By default each thread gets a heap of its own, and what it frees there is lost to the others:
    under images of 25 MP the vision service held 1.4 GB instead of 0.9 GB. And glibc raises the
    size of the blocks that it returns at once, up to 32 MiB: the ocr service kept 861 MB after odd
    images instead of 532 MB. What is smaller is kept for the next request, because memory that is
    mapped anew is slow: with 1 MiB for both sizes a batch of eight took 105 ms in place of 73 ms.
    Other C libraries have neither these switches nor these habits.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    options = {
        _M_ARENA_MAX: 1,
        _M_MMAP_THRESHOLD: _LARGE_BYTES,
        _M_TRIM_THRESHOLD: _MOST_FREE_BYTES,
    }
    return all(mallopt(option, value) for option, value in options.items())


def spare_loaded_objects() -> None:
    """Exclude all current objects from later garbage collections.

    To be called after loading. A full collection looks at every object while all requests
    wait: with torch 0.09 s for 180,000 of them, and an overloaded service refused 0.16 s late.
    """
    gc.collect()
    gc.freeze()
