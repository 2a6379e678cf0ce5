"""List and open files from untrusted sources: regular files only, of bounded size, and complete listings.

In an untrusted release a pipe could block the reader, a device could be endless, a link could point outside, and a
folder without permissions could be skipped silently. All code that reads a release, a source or a private file uses
:func:`open_regular` and :func:`walk`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ripguard.errors import StorageError
from ripguard.systems import BINARY, CLOEXEC, NOFOLLOW, NONBLOCK, not_regular, sync_all, sync_folder

LFS_START, LFS_HINT = b"version https://git-lfs", "it is a Git LFS pointer: git lfs pull fetches the file"


class NotRegular(OSError):
    """The path is a link, a pipe, a device or a folder. ``strerror`` describes it."""


class TooLarge(OSError):
    """The file is larger than allowed. ``strerror`` contains its size."""


def open_regular(path: str | os.PathLike[str], at_most: int | None = None, follow: bool = False) -> int:
    """Open a regular file for reading; returns the descriptor. The checks apply to the opened file, without a race.

    On Windows they apply to the path, just before it is opened.

    Args:
        at_most: maximum size in bytes.
        follow: whether links are followed.

    Raises:
        NotRegular: not a regular file.
        TooLarge: the file is larger.
        OSError: as :func:`os.open`.
    """
    if not NOFOLLOW and (other := not_regular(path, follow)):
        raise NotRegular(errno.EINVAL, other, os.fspath(path))
    try:
        handle = os.open(path, os.O_RDONLY | BINARY | NONBLOCK | CLOEXEC | (0 if follow else NOFOLLOW))
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
    """Read a regular file of at most ``at_most`` bytes. Raises as :func:`open_regular`."""
    with open(open_regular(path, at_most, follow), "rb") as file:
        size = os.fstat(file.fileno()).st_size or at_most  # files in /proc report 0
        data = file.read(size + 1)  # allocate only what the file needs
    if len(data) > size:  # the file grew
        raise TooLarge(errno.EFBIG, f"more than {at_most:,} bytes", os.fspath(path))
    return data


def walk(
    root: Path, unlistable: list[OSError] | None = None, folders: list[str] | None = None
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """All files below a folder, as (relative path with ``/``, entry), in arbitrary order.

    Links are included and not followed. ripguard lists folders only with this function.

    Args:
        unlistable: receives the error of each folder that cannot be listed. Its content is then missing.
        folders: receives the relative path of each folder.

    Raises:
        OSError: a folder cannot be listed, and ``unlistable`` is None.
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
                if folders is not None:
                    folders.append(place)
            else:
                yield place, entry


def sync_tree(root: Path) -> None:
    """Write everything below a folder to disk, data and names; errors of the disk are raised.

    One call for all is first, where the system has one: it reports no errors, but leaves little to the calls for each.
    """
    sync_all()
    folders = [""]
    for _, entry in walk(root, folders=folders):
        if entry.is_file(follow_symlinks=False):
            with open(entry.path, "rb+") as file:
                os.fsync(file.fileno())
    for folder in folders:
        sync_folder(root / folder)


def partial_name(path: Path) -> Path:
    """Temporary name of a file in the same folder."""
    return path.with_name(f".{path.name}.{os.getpid()}.partial")


def refuse_unwritable(path: Path) -> None:
    """Raise :class:`StorageError` if no file can be created at ``path``. Leaves no files or folders."""
    new = [folder for folder in path.parents if not folder.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial_name(path).touch()
        partial_name(path).unlink()
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}", "choose another path") from None
    finally:
        with contextlib.suppress(OSError):
            for folder in new:
                folder.rmdir()
