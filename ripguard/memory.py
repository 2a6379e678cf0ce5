"""Freed memory is kept for the next training step, where the C library is glibc."""

from __future__ import annotations

import ctypes

TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4  # of mallopt(3)
HEADROOM = 1 << 28  # bytes that the heap grows by


def keep_freed() -> bool:
    """For the rest of this process; returns whether the C library knows how.

    Every step of training on a CPU frees what the next one asks for again, hundreds of megabytes in large pieces. Such
    pieces glibc gives back to the kernel at once, which fills them with zeros before it hands them out again: a good
    part of a step of nets whose layers do little with much, as ``mobilenet-v2``. What is computed stays the same.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # Windows, macOS, musl
        return False
    return all(mallopt(*it) for it in ((MMAP_MAX, 0), (TRIM_THRESHOLD, 2**31 - 1), (TOP_PAD, HEADROOM)))
