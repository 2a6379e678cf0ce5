"""Started before every Python process of tests/chain/test_windows.py: takes away what Windows lacks.

Modules, names of ``os``, ``select`` and ``signal``; opening a folder; renaming to a path that exists; moving or
removing a file that this process has open. Libraries that have their own code for Windows are loaded before that.
"""

import concurrent.futures.process  # noqa: F401
import errno
import getpass  # noqa: F401
import multiprocessing.popen_spawn_posix
import multiprocessing.synchronize  # noqa: F401
import os
import select
import shutil
import signal
import subprocess  # noqa: F401
import sys
import tempfile  # noqa: F401
import warnings
from pathlib import Path

import filelock  # noqa: F401

MODULES = ("fcntl", "grp", "pwd", "resource", "termios", "tty", "pty", "syslog")
NAMES = (
    "chown", "fchdir", "fchmod", "fchown", "fdatasync", "fork", "forkpty", "getegid", "geteuid", "getgid", "getgroups",
    "getloadavg", "getuid", "initgroups", "killpg", "lchown", "mkfifo", "mknod", "nice", "pread", "pwrite",
    "sched_getaffinity", "setegid", "seteuid", "setgid", "setuid", "statvfs", "sync", "O_CLOEXEC",
    "O_DIRECTORY", "O_DSYNC", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK", "O_SYNC",
)  # fmt: skip

for module in MODULES:
    sys.modules[module] = None  # type: ignore[assignment]
for owner, names in (
    (os, NAMES),
    (select, ("poll", "epoll")),
    (signal, ("SIGPIPE", "SIGHUP", "SIGALRM", "SIGKILL", "SIGUSR1", "SIGCHLD", "alarm", "setitimer")),
):
    for name in names:
        if hasattr(owner, name):
            delattr(owner, name)
shutil._use_fd_functions = False  # type: ignore[attr-defined]
warnings.filterwarnings("error", category=EncodingWarning, module="ripguard")


def in_use(path: object) -> bool:
    """Whether this process has a file at or below a path open or mapped."""
    real = os.path.realpath(os.fspath(path))  # type: ignore[call-overload]
    if os.path.islink(path):  # type: ignore[arg-type]
        return False
    maps = Path("/proc/self/maps").read_text("utf-8").splitlines()
    places = [line.split(maxsplit=5)[-1] for line in maps if "/" in line]
    for number in os.listdir("/proc/self/fd"):
        try:
            places.append(os.readlink(f"/proc/self/fd/{number}"))
        except OSError:
            continue
    return any(place == real or place.startswith(real + "/") for place in places)


def guarded(function, targets: int, onto: bool):  # type: ignore[no-untyped-def]
    """The function as on Windows.

    Args:
        targets: number of its paths that must not be open.
        onto: whether its last path may exist.
    """

    def call(*paths, **more):  # type: ignore[no-untyped-def]
        for path in paths[:targets]:
            if in_use(path):
                raise PermissionError(errno.EACCES, "another program has the file open", os.fspath(path))
        if not onto and os.path.lexists(paths[1]):
            raise FileExistsError(errno.EEXIST, "the file exists already", os.fspath(paths[1]))
        return function(*paths, **more)

    return call


os.rename = guarded(os.rename, 2, False)
os.replace = guarded(os.replace, 2, True)
os.unlink = guarded(os.unlink, 1, True)
os.remove = guarded(os.remove, 1, True)
os.rmdir = guarded(os.rmdir, 1, True)
_open = os.open


def open_file(path, flags, *more, **named):  # type: ignore[no-untyped-def]
    if os.path.isdir(path):
        raise PermissionError(errno.EACCES, "Permission denied", os.fspath(path))
    return _open(path, flags, *more, **named)


os.open = open_file

# before the package, which imports these names
_place = Path(os.environ["RIPGUARD_TEST_PACKAGE"]) / "systems.py"
import ripguard.systems  # noqa: E402

assert Path(ripguard.systems.__file__) == _place
ripguard.systems.WINDOWS, ripguard.systems.MOST_PROCESSES = True, 61
