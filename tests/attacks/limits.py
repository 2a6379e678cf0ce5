"""One command under limits of time and memory, in this process or in one of its own."""

from __future__ import annotations

import contextlib
import faulthandler
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import helpers

SECONDS, BYTES = 30, 1 << 30  # that one command may take, beside what the process has already


class Hang(BaseException):
    """A command that does not end; no handler of errors takes it for one."""


def _late(*_: object) -> None:
    raise Hang


@contextlib.contextmanager
def limited(story: Path | None = None) -> Iterator[None]:
    """Less than SECONDS, and no more than BYTES of memory above what there is now.

    Args:
        story: a file that is left behind, with where it hung, if the interpreter itself does not come back; who runs it
            ends then.
    """
    old = signal.signal(signal.SIGALRM, _late)
    usual = resource.getrlimit(resource.RLIMIT_DATA)
    with contextlib.ExitStack() as stack:
        if story:
            faulthandler.dump_traceback_later(3 * SECONDS, exit=True, file=stack.enter_context(open(story, "a")))
        if (used := data_bytes()) is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (used + BYTES, usual[1]))
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, old)
            resource.setrlimit(resource.RLIMIT_DATA, usual)
            if story:
                faulthandler.cancel_dump_traceback_later()


def data_bytes() -> int | None:
    """What the kernel counts against RLIMIT_DATA; None where it does not say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmData:")), None)


def here(words: list[str], story: Path | None = None) -> tuple[int, str, str]:
    """Exit code,
    standard output and error of a command in this process; −1 for one that hangs."""
    try:
        with limited(story):
            return helpers.call(*words)
    except Hang:
        return -1, "", f"still at it after {SECONDS} seconds"


LIMIT = (
    f"import resource, sys; resource.setrlimit(resource.RLIMIT_DATA, ({BYTES}, {BYTES}));"
    "from ripguard.cli import main; sys.exit(main(sys.argv[1:]))"
)


def apart(words: list[str]) -> tuple[int, str, str]:
    """The same of one in a process of its own; what its libraries print is seen too."""
    command = [sys.executable, "-c", LIMIT, *words]
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return -1, "", f"still at it after {SECONDS} seconds"
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def peak() -> int:
    """Bytes that this process had in memory at most so far."""
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else size << 10
