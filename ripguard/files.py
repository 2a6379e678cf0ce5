"""How files that a stranger may have made are found and opened: listed without gaps, regular, and bounded.

A release comes from anywhere. A pipe in the place of one of its files would be waited for, a device read without end, a
link would lead out of it, and a folder that cannot be listed would be left out without a word. Everything that reads a
release, a source or a private file goes through :func:`open_regular` and :func:`walk`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ripguard.errors import StorageError

NONBLOCK = getattr(os, "O_NONBLOCK", 0)  # absent on Windows; on Unix a pipe would be waited for
NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
CLOEXEC = getattr(os, "O_CLOEXEC", 0)


class NotRegular(OSError):
    """A link, a pipe, a device or a folder in the place of a file. ``strerror`` says which."""


class TooLarge(OSError):
    """More bytes than such a file can have. ``strerror`` says how many."""


def open_regular(path: str | os.PathLike[str], at_most: int | None = None, follow: bool = False) -> int:
    """A descriptor for reading a regular file; what was checked is what is open.

    Args:
        at_most: bytes that the file may have.
        follow: whether a link to a regular file is one.

    Raises:
        NotRegular: something else stands there.
        TooLarge: the file has more bytes.
        OSError: as :func:`os.open`.
    """
    try:
        handle = os.open(path, os.O_RDONLY | NONBLOCK | CLOEXEC | (0 if follow else NOFOLLOW))
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise NotRegular(error.errno, "a link, and links are not followed", os.fspath(path)) from None
        if error.errno in (errno.ENXIO, errno.ENODEV):  # a socket, a device without a driver
            raise NotRegular(error.errno, "not a regular file", os.fspath(path)) from None
        raise
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise NotRegular(errno.EINVAL, "not a regular file", os.fspath(path))
        if at_most is not None and found.st_size > at_most:
            raise TooLarge(errno.EFBIG, f"{found.st_size:,} bytes, more than {at_most:,}", os.fspath(path))
    except BaseException:
        os.close(handle)
        raise
    return handle


def read_regular(path: str | os.PathLike[str], at_most: int, follow: bool = False) -> bytes:
    """The bytes of a regular file that has at most so many. Raises as :func:`open_regular`."""
    with open(open_regular(path, at_most, follow), "rb") as file:
        size = os.fstat(file.fileno()).st_size or at_most  # files of /proc say nothing of theirs
        data = file.read(size + 1)  # no more room is made than the file needs
    if len(data) > size:  # it grew meanwhile
        raise TooLarge(errno.EFBIG, f"more than {at_most:,} bytes", os.fspath(path))
    return data


def walk(root: Path, unlistable: list[OSError] | None = None) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Everything below a folder but folders: (path below it with ``/``, entry), in no particular order.

    Links are given, and never followed. The one way in which ripguard looks through folders.

    Args:
        unlistable: takes the error of each folder that cannot be listed, whose content is then lacking.

    Raises:
        OSError: a folder that cannot be listed, without ``unlistable``.
    """
    waiting = [("", os.fspath(root))]
    while waiting:
        prefix, folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                inside = list(entries)
        except OSError as error:
            if unlistable is None:
                raise
            unlistable.append(error)
            continue
        for entry in inside:
            place = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                waiting.append((place + "/", entry.path))
            else:
                yield place, entry


def sync_folder(path: str | os.PathLike[str]) -> None:
    """Make the names in a folder durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def partial_name(path: Path) -> Path:
    """What a file is called beside its place until it is whole."""
    return path.with_name(f".{path.name}.{os.getpid()}.partial")


def refuse_unwritable(path: Path) -> None:
    """Raise :class:`StorageError` where no file can be made at ``path``, before the work for it; leaves nothing."""
    new = [folder for folder in path.parents if not folder.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial_name(path).touch()
        partial_name(path).unlink()
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}", "choose another place") from None
    finally:
        with contextlib.suppress(OSError):
            for folder in new:
                folder.rmdir()
