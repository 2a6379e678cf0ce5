"""Writing so that a reader sees a whole file or none, also after a crash: temp → fsync → rename → fsync folder."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from ripguard.errors import Damaged, OutputRefused, StorageError
from ripguard.files import NOFOLLOW, NotRegular, TooLarge, open_regular


@contextlib.contextmanager
def storage(what: str) -> Iterator[None]:
    """Turn an OSError into one sentence with exit code 9; something else in the place of a file is damage, code 5."""
    try:
        yield
    except (NotRegular, TooLarge) as error:
        raise Damaged(f"{error.filename}: {error.strerror}", "put the file itself in its place") from None
    except OSError as error:
        place = f" {error.filename}" if error.filename else ""
        raise StorageError(f"{what}:{place}: {error.strerror or error}", "free space, permissions?") from None


def write_temporary(path: Path, data: bytes | Iterable[bytes]) -> Path:
    """Write ``data``, or its pieces, beside ``path`` under a temporary name, on disk; returns the temporary path."""
    # a digest of the name: the longest names that a file system takes leave no room for an addition
    short = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
    own = f"{os.getpid()}{threading.get_native_id()}"  # threads of one process may write the same file
    temporary = path.with_name(f".{short}.{own}.tmp")
    with storage("cannot write"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _new(temporary) as file:
            for piece in [data] if isinstance(data, bytes) else data:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
    return temporary


def _new(path: Path) -> BinaryIO:
    """A new file, never through a link; what a killed run left, whose number this process has now, goes."""
    try:
        return open(path, "xb")
    except FileExistsError:
        path.unlink()
        return open(path, "xb")


def write_unsynced(path: Path, data: bytes) -> None:
    """Write a file of a tree that nobody sees yet; :func:`sync_everything` must follow before it gets its name.

    Raises :class:`Damaged` where another file of the tree has its place: two names may be one to the file system, or
    one the folder of the other.
    """
    with storage("cannot write"):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = open(path, "xb")  # noqa: SIM115 - what is written to it fails otherwise
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise Damaged(f"{path.name}: another file has its place", "rename one of them in a copy") from None
        with file:
            file.write(data)


def sync_everything() -> None:
    """Make all that was written durable: one call for a whole tree, where a call for each file would cost more."""
    os.sync()


def publish(temporary: Path, path: Path) -> None:
    """Give a checked temporary file its name; :func:`sync_folder` must follow."""
    with storage("cannot publish"):
        os.replace(temporary, path)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    with storage("cannot sync"):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_file(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Write one file, or its pieces, atomically."""
    publish(write_temporary(path, data), path)
    sync_folder(path.parent)


def sha256_file(path: Path, at_most: int | None = None) -> str:
    """Hex SHA-256 of a regular file, read in pieces, and only if it has at most so many bytes."""
    with storage("cannot read"), open(open_regular(path, at_most), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


LOCK = "lock"  # in a working folder
TEMPORARY = re.compile(r"\.[0-9a-f]{16}\.\d+\.tmp")  # as write_temporary names files


def working_folder(out: Path) -> Path:
    """Where a run that will make ``out`` keeps what is not finished: beside it, so that one rename publishes it."""
    return out.parent / f".{out.name}.ripguard-partial"


def make_working_folder(out: Path) -> Path:
    """Make it, for this user alone, or go on with it.

    In a folder that others can write to, somebody may have made it first, or put a link into it. Raises
    :class:`OutputRefused` for what is not this user's own folder.
    """
    place = working_folder(out)
    new = [folder for folder in place.parents if not folder.exists()]
    with storage("cannot create"):
        place.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            place.mkdir(mode=0o700)
    refuse_foreign_work(place)
    for folder in new:
        sync_folder(folder.parent)  # else what is published could lose the folder that it stands in
    return place


def refuse_foreign_work(place: Path) -> None:
    """Raise :class:`OutputRefused` unless a working folder is this user's own, alone, and has no link in it."""
    hint = "ripguard keeps unfinished work under this name: rename or remove what has it"
    with storage("cannot look into"):
        found = place.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise OutputRefused(f"{place} is no folder", hint)
        if hasattr(os, "geteuid") and found.st_uid != os.geteuid():
            raise OutputRefused(f"{place} belongs to another user", hint)
        if stat.S_IMODE(found.st_mode) & 0o077:
            place.chmod(0o700)
        for entry in os.scandir(place):
            if entry.is_symlink():
                raise OutputRefused(f"{entry.path} is a link", hint)


def drop_work(folder: Path) -> None:
    """Remove a folder of a working folder, if it is there."""
    with storage("cannot remove"), contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)


def drop_empty_work(partial: Path) -> None:
    """Remove a working folder in which nothing but the lock is left, the lock last: until then nobody else begins."""
    with contextlib.suppress(OSError):
        if set(os.listdir(partial)) <= {LOCK}:
            (partial / LOCK).unlink(missing_ok=True)
            partial.rmdir()


def refuse_unwritable(out: Path) -> list[Path]:
    """Raise, before any work, :class:`StorageError` where ``out`` cannot be made, :class:`OutputRefused` if in use.

    Leaves the working folder behind, for the run that follows. Returns what :func:`drop_empty` should remove where none
    does: that folder, and those above it that were made for it.
    """
    place = working_folder(out)
    made = [place, *(folder for folder in place.parents if not folder.exists())]
    make_working_folder(out)
    with storage("cannot create"):
        os.rmdir(tempfile.mkdtemp(dir=place))
    if (place / LOCK).is_file():
        with lock(place / LOCK):
            pass
    return made


def drop_empty(made: list[Path]) -> None:
    """Remove the working folder, and those that were made for it, if nothing was begun in them; innermost first."""
    with contextlib.suppress(OSError):
        for folder in made:
            os.rmdir(folder)


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold a folder for one process; a second process gets :class:`OutputRefused`. The lock ends with its holder.

    Who ends may remove the file while another process waits between opening and locking it: what that one then holds is
    no lock. So the file that is locked must be the one that stands there.
    """
    while True:
        with storage("cannot lock"):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                handle = os.open(path, os.O_RDWR | os.O_CREAT | NOFOLLOW, 0o600)
            except OSError as error:
                if error.errno == errno.ELOOP:
                    raise OutputRefused(f"{path} is a link", "remove it") from None
                raise
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise OutputRefused(f"another ripguard is writing to {path.parent}", "wait for it to end") from None
            if _stands_there(path, handle):
                yield
                return
        finally:
            os.close(handle)


def _stands_there(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.lstat(path))
    except FileNotFoundError:
        return False


def refuse_overlap(sources: list[Path], output: Path) -> None:
    """Raise :class:`OutputRefused` where the output is, holds, or lies in a source, links resolved."""
    out = output.resolve()
    for source in sources:
        real = source.resolve()
        if out == real or out in real.parents or real in out.parents:
            raise OutputRefused(f"{output} overlaps {source}", "write into a folder apart from the source")


def refuse_existing(output: Path) -> None:
    """Raise :class:`OutputRefused` unless ``output`` is absent or an empty folder that can be replaced."""
    if os.path.ismount(output):
        raise OutputRefused(f"{output} is a mount point, which nothing can be renamed to", "name a folder inside it")
    if output.is_symlink() or (output.exists() and (not output.is_dir() or any(output.iterdir()))):
        raise OutputRefused(f"{output} exists and is not an empty folder", "choose another name, or remove it")
