"""What differs between operating systems. No other module uses names of ``os`` or modules that Windows lacks.

Most differences are found by what Python offers, so that a test can take it away. Windows itself is tested for in one
place, :data:`WINDOWS`. docs/reference/systems.md lists what was tested.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import re
import stat
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

WINDOWS = os.name == "nt"
_SEEKING = threading.Lock()  # of read_at
HAS_OWNERS = hasattr(os, "geteuid")  # owners and modes mean something
NONBLOCK = getattr(os, "O_NONBLOCK", 0)  # without it, opening a pipe blocks
NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
CLOEXEC = getattr(os, "O_CLOEXEC", 0)
BINARY = getattr(os, "O_BINARY", 0)  # without it, Windows changes line ends in what os.open opened
MOST_PROCESSES = 61 if WINDOWS else 1 << 16  # what concurrent.futures can wait for on Windows

LOCAL = frozenset({"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "tmpfs", "xfs"})
PATIENCE = 2.0  # seconds in which programs such as virus scanners close a new file
DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(\..*)?", re.IGNORECASE)
NOT_IN_NAMES = re.compile(r'[<>:"|?*\\\x00-\x1f]|[ .]$')


def user() -> int | None:
    """Number of the effective user; None on Windows, where files have no such owner."""
    return os.geteuid() if HAS_OWNERS else None


def private_name() -> str:
    """Name of this user's folder among temporary files. On Windows that place is the user's own already."""
    return "ripguard" if user() is None else f"ripguard-{user()}"


def foreign(found: os.stat_result) -> bool:
    """Whether a file belongs to another user. Windows does not tell."""
    return HAS_OWNERS and found.st_uid != os.geteuid()


def open_to_others(found: os.stat_result) -> bool:
    """Whether the mode lets other users read, write or enter. Modes mean nothing on Windows."""
    return HAS_OWNERS and bool(stat.S_IMODE(found.st_mode) & 0o077)


def make_private(handle: int) -> None:
    """Give an open file the mode 0600, whatever the umask; on Windows it inherits the rights of its folder."""
    if hasattr(os, "fchmod"):
        os.fchmod(handle, 0o600)


def opened_private(path: str, flags: int) -> int:
    """Opener for :func:`open`: a file that is written has the mode 0600 before it has any content."""
    handle = os.open(path, flags, 0o600)
    make_private(handle)  # one of before may have another mode
    return handle


def link(old: str | Path, new: str | Path) -> None:
    """Make a hard link. Raises :class:`OSError`, with ``ENOSYS`` where Python cannot."""
    if not hasattr(os, "link"):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), os.fspath(new))
    os.link(old, new)


def not_regular(path: str | os.PathLike[str], follow: bool) -> str:
    """What stands at a path in the place of a regular file, "" for one. Needed where O_NOFOLLOW is missing.

    Raises:
        OSError: nothing is there.
    """
    found = os.stat(path) if follow else os.lstat(path)
    if stat.S_ISLNK(found.st_mode):
        return "a link, and links are not followed"
    return "" if stat.S_ISREG(found.st_mode) else "not a regular file"


def sync_folder(path: str | os.PathLike[str]) -> None:
    """Write the entries of a folder to disk (fsync). Windows cannot open folders, and NTFS keeps a journal of names."""
    if WINDOWS:
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@functools.cache
def _syncfs() -> Callable[[int], None] | None:
    """The call of Linux that writes a whole file system to disk and reports errors (since 5.8); None elsewhere."""
    found = re.match(r"(\d+)\.(\d+)", os.uname().release) if sys.platform == "linux" else None
    if not found or (int(found[1]), int(found[2])) < (5, 8):
        return None
    import ctypes

    function = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if function is None:
        return None

    def call(handle: int) -> None:
        if function(handle):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    return call


@functools.cache
def _with_syncfs(device: int) -> bool:
    """Whether ``syncfs`` is as strong as ``fsync`` of each file on this device: on local file systems.

    Network file systems and FUSE may not pass it on to their server, and overlays may not report errors.
    """
    name = f"{os.major(device)}:{os.minor(device)}"
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as mounts:
            kinds = {line.partition(" - ")[2].split(" ")[0] for line in mounts if line.split(" ", 3)[2] == name}
    except (OSError, IndexError):
        return False
    return bool(kinds) and kinds <= LOCAL


def file_system_of(folder: str | os.PathLike[str]) -> int | None:
    """A descriptor for :func:`sync_file_system`; the caller closes it. None where each file must be synced by itself.

    Open it before the files are written: it reports the errors of all writing since then.
    """
    if WINDOWS or _syncfs() is None or not _with_syncfs(os.stat(folder).st_dev):
        return None
    return os.open(folder, os.O_RDONLY)


def sync_file_system(handle: int) -> None:
    """Write a file system to disk: data and names. One call costs about as much as ``fsync`` of one file."""
    if call := _syncfs():
        call(handle)


def sync_all() -> None:
    """Write everything to disk, where the system has a call for that. It reports no errors."""
    if hasattr(os, "sync"):
        os.sync()


def rename(old: str | Path, new: str | Path) -> None:
    """Rename to a path that does not exist. On Windows another program may hold a new file open for a moment."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            os.rename(old, new)
            return
        except PermissionError:
            if not WINDOWS or time.monotonic() > end:
                raise
        time.sleep(0.05)


def no_core_files() -> None:
    """Forbid core files to this process and those that it starts, where the system has such a limit."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def can_confine() -> bool:
    """Whether this system can limit what a process may still do (:func:`confine`): Linux and macOS, not Windows."""
    import signal

    try:
        import resource  # noqa: F401
    except ImportError:
        return False
    return hasattr(signal, "setitimer")


def confine(memory: int) -> None:
    """Take from this process, for the rest of its life, files, sockets and most memory. What is open stays open.

    It can open no file and no socket and write no file. A process of root could take back what it lost.

    Args:
        memory: bytes of address space beyond what the process has now. macOS does not enforce it.

    Raises:
        OSError, ValueError: the system refuses.
    """
    import resource

    now = 0
    with contextlib.suppress(OSError), open("/proc/self/statm", "rb") as file:  # Linux only
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + memory, now + memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))  # no number is left for a new descriptor


def processor_time(seconds: float) -> None:
    """End this process after so many seconds of processor time, inside a library too; 0 takes the limit back.

    Only the main thread can call it.
    """
    import signal

    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # who started this process may ignore it
    signal.setitimer(signal.ITIMER_PROF, seconds)


def ended_by_processor_time(code: int) -> bool:
    """Whether the exit code of a process, as :mod:`subprocess` gives it, is that of :func:`processor_time`."""
    import signal

    return code == -getattr(signal, "SIGPROF", 0) != 0


def read_at(handle: int, length: int, offset: int) -> bytes:
    """``length`` bytes at ``offset`` of an open file; fewer only at its end. Threads may share the file."""
    if not hasattr(os, "pread"):  # Windows
        with _SEEKING:
            os.lseek(handle, offset, os.SEEK_SET)
            found = os.read(handle, length)
            while found and len(found) < length and (more := os.read(handle, length - len(found))):
                found += more
        return found
    found = os.pread(handle, length, offset)
    while found and len(found) < length and (more := os.pread(handle, length - len(found), offset + len(found))):
        found += more
    return found


def reader_gone(descriptor: int) -> bool:
    """Whether nobody reads the other end of a pipe; True where that cannot be asked."""
    import select

    if not hasattr(select, "poll"):
        return True
    poll = select.poll()
    poll.register(descriptor, 0)  # reports errors and hang-ups in any case
    return bool(poll.poll(0))


def cannot_hold(path: str) -> bool:
    """Whether this system has no file of such a name: on Windows ``a:b``, ``what?``, ``aux.png``, ``end.``.

    Windows would write some of these elsewhere without an error.
    """
    return WINDOWS and any(DEVICES.fullmatch(part) or NOT_IN_NAMES.search(part) for part in path.split("/"))


def leads_out(path: str) -> bool:
    """Whether a relative path with ``/`` may mean another folder on this system: ``..\\a`` and ``C:a`` on Windows."""
    return WINDOWS and ("\\" in path or ":" in path)
