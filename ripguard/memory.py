"""What a process does with its memory: freed pieces are kept for the next training step, and none is ever dumped."""

from __future__ import annotations

import contextlib
import ctypes
import sys

TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4  # of mallopt(3)
HEADROOM = 1 << 28  # bytes that the heap grows by
DUMPABLE = 4  # of prctl(2)


def keep_freed() -> bool:
    """For the rest of this process; returns whether the C library knows how.

    Every step of training on a CPU frees what the next one asks for again, hundreds of megabytes in large pieces. Such
    pieces glibc gives back to the kernel at once, which fills them with zeros before it hands them out again: a good
    part of a step of models whose layers do little with much, as ``mobilenet-v2``. What is computed stays the same.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # Windows, macOS, musl
        return False
    return all(mallopt(*it) for it in ((MMAP_MAX, 0), (TRIM_THRESHOLD, 2**31 - 1), (TOP_PAD, HEADROOM)))


def no_core_dumps() -> None:
    """Keys in memory are written nowhere when this process crashes, nor can others of the same user look into it.

    The limit holds for processes started from here as well; the flag, which Linux alone has, does not: a core that is
    piped to a program knows no limit. Where neither is known nothing happens.
    """
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    except (ImportError, ValueError, OSError):  # Windows
        pass
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(DUMPABLE, 0, 0, 0, 0)
