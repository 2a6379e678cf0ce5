"""Atomic writing: a reader sees a complete file or none, also after a crash (temp → fsync → rename → fsync folder)."""

from __future__ import annotations

import contextlib
import errno
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

from ripguard import systems
from ripguard.errors import Damaged, OutputRefused, StorageError
from ripguard.files import NotRegular, TooLarge, open_regular
from ripguard.systems import NOFOLLOW, foreign, open_to_others, opened_private


@contextlib.contextmanager
def storage(what: str) -> Iterator[None]:
    """Convert an OSError to :class:`StorageError`, and something else in the place of a file to :class:`Damaged`."""
    try:
        yield
    except (NotRegular, TooLarge) as error:
        raise Damaged(f"{error.filename}: {error.strerror}", "replace it by a copy of the file") from None
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        raise StorageError(
            f"{what}: {place}{error.strerror or error}", "check free space and permissions, then repeat the command"
        ) from None


def write_temporary(path: Path, data: bytes | Iterable[bytes], private: bool = False) -> Path:
    """Write ``data``, or its pieces, to a temporary file beside ``path`` and sync it; returns the temporary path.

    Args:
        private: no other user can read it (mode 0600).
    """
    # a digest of the name: the longest allowed names could not be extended
    short = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
    own = f"{os.getpid()}{threading.get_native_id()}"  # threads of one process may write the same file
    temporary = path.with_name(f".{short}.{own}.tmp")
    with storage("cannot write"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with new_file(temporary, private) as file:
            for piece in [data] if isinstance(data, bytes) else data:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
    return temporary


def new_file(path: Path, private: bool = False) -> BinaryIO:
    """Create a file, never through a link. A leftover of a killed process with the same id is removed."""
    opener = opened_private if private else None
    try:
        return open(path, "xb", opener=opener)
    except FileExistsError:
        path.unlink()
        return open(path, "xb", opener=opener)


def write_unsynced(path: Path | str, data: bytes, made: set[str] | None = None) -> None:
    """Write a file of an unpublished tree without syncing; :meth:`ripguard.store.together.Together.sync_tree` does it.

    Args:
        made: folders that exist; a folder that is made here is added.

    Raises:
        Damaged: another file of the tree has this path: the file system may treat two names as equal, or one name is a
            folder of the other.
    """
    with storage("cannot write"):
        try:
            folder = os.path.dirname(path)
            if made is None or folder not in made:
                os.makedirs(folder, exist_ok=True)
                if made is not None:
                    made.add(folder)
            file = open(path, "xb", 0)  # noqa: SIM115 - what is written to it fails otherwise
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            name = os.path.basename(path)
            raise Damaged(f"{name}: another file has the same path", "rename one of them in a copy") from None
        with file:
            left = memoryview(data)
            while left:
                left = left[file.write(left) :]


def publish(temporary: Path, path: Path) -> None:
    """Rename a complete temporary file; call :func:`sync_folder` afterwards."""
    with storage("cannot publish"):
        os.replace(temporary, path)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    with storage("cannot sync"):
        systems.sync_folder(path)


def write_file(path: Path, data: bytes | Iterable[bytes], private: bool = False) -> None:
    """Write one file, or its pieces, atomically; ``private``: with mode 0600."""
    publish(write_temporary(path, data, private), path)
    sync_folder(path.parent)


def sha256_file(path: Path, at_most: int | None = None) -> str:
    """Hex SHA-256 of a regular file, read in pieces. A file of more than ``at_most`` bytes is refused."""
    found = hashlib.sha256()
    with storage("cannot read"):
        handle = open_regular(path, at_most)
        try:
            while piece := os.read(handle, PIECE):  # file_digest would clear a buffer of 256 KiB for every file
                found.update(piece)
        finally:
            os.close(handle)
    return found.hexdigest()


PIECE = 1 << 16  # bytes that are read at once
LOCK = "lock"  # file name, in a working folder
TEMPORARY = re.compile(r"\.[0-9a-f]{16}\.\d+\.tmp")  # names from write_temporary


def working_folder(out: Path) -> Path:
    """Folder for unfinished work on ``out``: beside it, so that one rename publishes the result."""
    return out.parent / f".{out.name}.ripguard-partial"


def make_working_folder(out: Path) -> Path:
    """Create the working folder with mode 0700, or reuse it.

    In a folder that other users can write to, they could create it first, or put a link into it. Raises
    :class:`OutputRefused` if it is not this user's own folder.
    """
    place = working_folder(out)
    new = [folder for folder in place.parents if not folder.exists()]
    with storage("cannot create"):
        place.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            place.mkdir(mode=0o700)
    refuse_foreign_work(place)
    for folder in new:
        sync_folder(folder.parent)  # otherwise a crash could lose the folder of the result
    return place


def refuse_foreign_work(place: Path) -> None:
    """Raise :class:`OutputRefused` unless a working folder belongs to this user and contains no link."""
    hint = "ripguard keeps unfinished work there: rename or remove it"
    with storage("cannot look into"):
        found = place.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise OutputRefused(f"{place} is not a folder", hint)
        if foreign(found):
            raise OutputRefused(f"{place} belongs to another user", hint)
        if open_to_others(found):
            place.chmod(0o700)
        for entry in os.scandir(place):
            if entry.is_symlink():
                raise OutputRefused(f"{entry.path} is a link", hint)


def drop_work(folder: Path) -> None:
    """Remove a subfolder of a working folder, if it exists."""
    with storage("cannot remove"), contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)


def drop_all_work(partial: Path) -> None:
    """Remove a working folder of which this process holds the lock."""
    with storage("cannot remove"):
        for entry in list(os.scandir(partial)):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            elif entry.name != LOCK:
                os.unlink(entry.path)
    drop_empty_work(partial)


def drop_empty_work(partial: Path) -> None:
    """Remove a working folder that contains only the lock. The lock is removed last, so no other run starts before.

    On Windows an open file cannot be removed: :func:`lock` does it when it ends.
    """
    with contextlib.suppress(OSError):
        if set(os.listdir(partial)) <= {LOCK}:
            (partial / LOCK).unlink(missing_ok=True)
            partial.rmdir()


def refuse_unwritable(out: Path) -> list[Path]:
    """Raise :class:`StorageError` if ``out`` cannot be created, :class:`OutputRefused` if it is in use.

    Creates the working folder. Returns the created folders, which :func:`drop_empty` removes if no run follows.
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
    """Remove the folders from :func:`refuse_unwritable` that are still empty, innermost first."""
    with contextlib.suppress(OSError):
        for folder in made:
            os.rmdir(folder)


@contextlib.contextmanager
def lock(path: Path, wait: bool = False) -> Iterator[None]:
    """Hold a folder for one process; a second process gets :class:`OutputRefused`. The lock ends with its holder.

    Args:
        wait: wait for the holder instead.

    A process that ends may remove the file after another has opened it, and before that one locks it. So after locking,
    the path is checked to be still the same file.
    """
    from filelock import lock_descriptor, unlock_descriptor  # a third of a second

    while True:
        with storage("cannot lock"):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                if not NOFOLLOW and path.is_symlink():
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                handle = os.open(path, os.O_RDWR | os.O_CREAT | NOFOLLOW, 0o600)
            except OSError as error:
                if error.errno == errno.ELOOP:
                    raise OutputRefused(f"{path} is a link, not a lock file", "remove it") from None
                raise
        try:
            with storage("cannot lock"):
                held = lock_descriptor(handle, blocking=wait)
            if not held:
                raise OutputRefused(f"another ripguard is writing to {path.parent}", "wait until it has finished")
            if _stands_there(path, handle):
                try:
                    yield
                    return
                finally:
                    with contextlib.suppress(OSError):
                        unlock_descriptor(handle)  # Windows may do it only later
        finally:
            os.close(handle)
            if systems.WINDOWS and path.name == LOCK:  # one that another process holds cannot be removed
                drop_empty_work(path.parent)


def _stands_there(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.lstat(path))
    except FileNotFoundError:
        return False


def refuse_overlap(sources: list[Path], output: Path) -> None:
    """Raise :class:`OutputRefused` if the output is, contains, or is inside a source; links are resolved."""
    out = output.resolve()
    for source in sources:
        real = source.resolve()
        if out == real or out in real.parents or real in out.parents:
            raise OutputRefused(f"{output} overlaps {source}", "choose an output folder outside the source")


def refuse_existing(output: Path) -> None:
    """Raise :class:`OutputRefused` unless ``output`` does not exist or is an empty, replaceable folder."""
    if os.path.ismount(output):
        raise OutputRefused(f"{output} is a mount point, which a rename cannot replace", "choose a folder inside it")
    if output.is_symlink() or (output.exists() and (not output.is_dir() or any(output.iterdir()))):
        raise OutputRefused(f"{output} exists and is not an empty folder", "choose another name, or remove it")


def publish_folder(finished: Path, output: Path) -> None:
    """Rename a finished folder to ``output``, which does not exist or is an empty folder.

    Raises:
        OutputRefused: see :func:`refuse_existing`.
        StorageError: the rename failed.
    """
    refuse_existing(output)
    with storage("cannot publish"):
        if output.exists():
            output.rmdir()
        systems.rename(finished, output)
    sync_folder(output.parent)
