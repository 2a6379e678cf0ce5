"""Faults for `experiments/interruption.py`: the process dies, or fails, at the n-th operation on the file system.

Counted are the calls by which Python changes a file system: open for writing, write, fsync, sync, syncfs, mkdir,
rename, replace, unlink, rmdir. They are patched in a forked child, so that the parent imports everything once. A power
cut also loses what is not durable (`unsynced.py`).
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from unsynced import CUTS, Unsynced

from ripguard import systems

ERRORS = ("ENOSPC", "EIO", "EDQUOT", "EROFS")
KINDS = ("kill", "torn write", *CUTS, *ERRORS)
CALLS = ("fsync", "sync", "mkdir", "rename", "replace", "unlink", "remove", "rmdir", "link")


class Counter:
    """Lets operations pass until the n-th, then fails as ``kind`` names it. An error stays: a full disk stays full."""

    def __init__(self, kind: str, number: int, reached: int, disk: Unsynced | None) -> None:
        self.kind, self.number, self.reached, self.seen = kind, number, reached, 0
        self.disk = disk

    def step(self, what: str, half: Callable[[], Any] | None = None) -> None:
        self.seen += 1
        if self.seen < self.number or (self.disk and self.disk.cut):
            return
        if self.seen == self.number:
            os.write(self.reached, what.encode())  # a pipe: the fault was reached
        if self.kind not in ERRORS:
            if self.disk:
                self.disk.lose(self.kind, random.Random(self.number))
            if self.kind == "torn write" and half:
                half()
            os.kill(os.getpid(), signal.SIGKILL)
        if what not in ("unlink", "remove", "rmdir", "sync"):  # these work on a full disk, or cannot fail
            number = getattr(errno, self.kind)
            raise OSError(number, os.strerror(number))


class Writer(io.FileIO):
    """A file whose writes are counted, unbuffered so that they happen when they are called."""

    def __init__(self, counter: Counter, path: Any, mode: str) -> None:
        counter.step("open")
        if counter.disk:
            counter.disk.opened(os.path.abspath(path))
        super().__init__(path, mode.replace("b", "").replace("t", ""))
        self.counter, self.path = counter, os.path.abspath(path)

    def write(self, data: Any) -> int:
        self.counter.step("write", lambda: io.FileIO.write(self, bytes(data)[: len(data) // 2]))
        if self.counter.disk:
            self.counter.disk.wrote(self.path)
        return super().write(data)


def patch(counter: Counter) -> None:
    """Count this process's operations from now on."""
    honest_open = builtins.open
    shutil._USE_CP_SENDFILE = False  # type: ignore[attr-defined]  # it would copy past the writes that are counted

    def counted_open(file: Any, mode: str = "r", *more: Any, **named: Any) -> Any:
        if set(mode) & set("wax+") and isinstance(file, str | os.PathLike):
            writer = Writer(counter, file, mode)
            return writer if "b" in mode else io.TextIOWrapper(writer, encoding="utf-8", write_through=True)
        return honest_open(file, mode, *more, **named)

    builtins.open = counted_open  # type: ignore[assignment]
    io.open = counted_open  # type: ignore[assignment]
    for name in CALLS:
        honest = getattr(os, name)

        def counted(*arguments: Any, _honest: Callable[..., Any] = honest, _name: str = name, **named: Any) -> Any:
            counter.step(_name)
            disk = counter.disk
            if not disk or disk.cut:
                return _honest(*arguments, **named)
            named_paths = arguments[: 2 if _name in ("rename", "replace", "link") else 0 if _name == "sync" else 1]
            paths = [place(one, named.get("dir_fd")) for one in named_paths]
            change = disk.before(_name, *paths)
            result = _honest(*arguments, **named)
            if change:
                disk.done(change)
            else:
                disk.synced(*paths)
            return result

        setattr(os, name, counted)
    whole = systems.sync_file_system

    def counted_whole(handle: int) -> None:
        counter.step("syncfs")
        whole(handle)
        if counter.disk and not counter.disk.cut:
            counter.disk.synced()  # everything here is on one file system

    systems.sync_file_system = counted_whole


def place(named: Any, folder: int | None) -> str:
    """Absolute path of an argument: a path, one relative to an open folder, or an open file."""
    if isinstance(named, int):
        return os.readlink(f"/proc/self/fd/{named}")
    return os.path.abspath(os.path.join(place(folder, None) if folder is not None else "", os.fspath(named)))


def run_with_fault(main: Callable[[list[str]], int], arguments: list[str], kind: str, number: int, log: Path) -> Any:
    """Run ``main(arguments)`` in a forked child with one fault.

    Returns:
        (exit code, minus the signal's number where it was killed; the operation at which the fault struck, "" if it
        was not reached). The child's output goes to ``log``.
    """
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        for stream in (1, 2):
            os.dup2(handle, stream)
        sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
        if kind:
            disk = Unsynced(Path(tempfile.mkdtemp(dir=log.parent))) if kind in CUTS else None
            patch(Counter(kind, number, write, disk))
        code = 1
        try:
            code = main(arguments)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    os.close(write)
    with os.fdopen(read) as pipe:
        struck = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), struck
