"""Memory that a step frees is there for the next one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ripguard.memory import keep_freed

STEPS = """
import ctypes, resource, sys
from ripguard.memory import keep_freed
ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)  # no huge pages, which some machines give without being asked
if sys.argv[1] == "kept":
    keep_freed()
sizes = [1 << 20, 20 << 20, 70 << 20]
[bytearray(size) for size in sizes]
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    [bytearray(size) for size in sizes]
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not keep_freed(), reason="the C library is not glibc")
def test_the_kernel_is_not_asked_again():  # type: ignore[no-untyped-def]
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_TUNABLES"))}
    usual, kept = (
        int(subprocess.run([sys.executable, "-c", STEPS, how], env=plain, capture_output=True, check=True).stdout)
        for how in ("usual", "kept")
    )
    assert usual > 50_000  # pages
    assert kept < usual / 50


def test_another_c_library_is_none_of_our_business(monkeypatch):  # type: ignore[no-untyped-def]
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    assert not keep_freed()


def test_no_core_is_dumped():
    """In the process of a command, and in those that it starts; others of the same user cannot look into it."""
    script = (
        "import ctypes, resource, sys; from ripguard.cli import main; main(['data', 'list']);"
        "print(resource.getrlimit(resource.RLIMIT_CORE)[0], file=sys.stderr);"
        "print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) if sys.platform == 'linux' else 0, file=sys.stderr);"
        "from ripguard.executor import _begin; _begin(None)"
    )
    limit = (
        "import resource; resource.setrlimit(resource.RLIMIT_CORE, resource.getrlimit(resource.RLIMIT_CORE)[1:] * 2);"
    )
    done = subprocess.run([sys.executable, "-c", limit + script], capture_output=True, text=True, check=True)
    assert done.stderr.split() == ["0", "0"]
