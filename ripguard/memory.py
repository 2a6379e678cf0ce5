"""Memory of this process: keep freed blocks for the next training step, and disable core dumps."""

from __future__ import annotations

import contextlib
import ctypes
import sys

from ripguard.systems import no_core_files

TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4  # parameters of mallopt(3)
HEADROOM = 1 << 28  # bytes; step by which the heap grows
DUMPABLE = 4  # option of prctl(2)


def keep_freed() -> bool:
    """Let glibc keep freed memory for the rest of this process; returns whether the C library supports it.

    Each training step on a CPU frees hundreds of megabytes that the next step allocates again. By default glibc returns
    large blocks to the kernel, which fills them with zeros before it reuses them. For models with large activations and
    little arithmetic, such as ``mobilenet-v2``, this takes much of the time of a step. Results do not change.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # Windows, macOS, musl
        return False
    return all(mallopt(*it) for it in ((MMAP_MAX, 0), (TRIM_THRESHOLD, 2**31 - 1), (TOP_PAD, HEADROOM)))


def no_core_dumps() -> None:
    """Keep keys in memory out of core dumps and, on Linux, away from other processes of the same user.

    Child processes inherit the limit, but not the flag, which only Linux has. The flag is necessary because the limit
    does not apply to cores that are piped to a program. On other systems this function does nothing.
    """
    no_core_files()
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(DUMPABLE, 0, 0, 0, 0)
