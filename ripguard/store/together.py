"""Write the files of a shard one by one, and make them durable together.

``fsync`` of each small file takes most of the time of a protection: each waits for the disk. Where the system can write
a whole file system to disk in one call, and report errors, that is done once for all files of a shard. Containers may
forbid this call; each file is synced then.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from ripguard import systems
from ripguard.files import open_regular, sync_tree
from ripguard.store.atomic import new_file, storage, sync_folder

FEWEST = 4  # files; fewer are synced one by one, because one call for all waits for files of other programs, too

FORBIDDEN = (errno.EPERM, errno.EACCES, errno.ENOSYS)  # by a filter of system calls; the disk has no such errors


class Together:
    """Files of an unpublished tree. None of them counts before :meth:`sync` has returned and a commit names it.

    Attributes:
        folders: those with files that were written.
    """

    def __init__(self, root: Path, handle: int | None) -> None:
        self._root, self._handle, self.folders = root, handle, set[Path]()
        self._unsynced = list[Path]()

    def write(self, path: Path, data: bytes) -> None:
        """Write a file under its final name, over what a killed run left there; never through a link.

        Raises:
            StorageError: it cannot be written.
        """
        with storage("cannot write"):
            if path.parent not in self.folders:
                path.parent.mkdir(parents=True, exist_ok=True)
                self.folders.add(path.parent)
            with new_file(path) as file:
                file.write(data)
                if self._handle is None:
                    file.flush()
                    os.fsync(file.fileno())
                else:
                    self._unsynced.append(path)

    def sync(self) -> None:
        """Make the data and the names of all files durable. Raises :class:`StorageError`."""
        with storage("cannot sync"):
            if self._handle is not None and self._synced_at_once(self._handle):
                self._unsynced.clear()
                return
            self._handle = None
            while self._unsynced:
                handle = open_regular(self._unsynced[-1])
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)
                self._unsynced.pop()
        for folder in sorted(self.folders):
            sync_folder(folder)

    def sync_tree(self, tree: Path) -> None:
        """Make everything below a folder durable, whichever process wrote it. Raises :class:`StorageError`."""
        with storage("cannot sync"):
            if self._handle is None or not self._synced_at_once(self._handle):
                sync_tree(tree)

    def _synced_at_once(self, handle: int) -> bool:
        """Sync the file system; False where that is forbidden. Raises :class:`OSError`, with the folder's name."""
        try:
            systems.sync_file_system(handle)
        except OSError as error:
            if error.errno in FORBIDDEN:
                return False
            error.filename = os.fspath(self._root)
            raise
        return True


@contextlib.contextmanager
def together(folder: Path, files: int) -> Iterator[Together]:
    """Context manager for writing about ``files`` files on the file system of a folder, which is made if missing.

    Raises:
        StorageError: the folder cannot be made or opened.
    """
    handle = None
    if files >= FEWEST:
        with storage("cannot create"):
            folder.mkdir(parents=True, exist_ok=True)
            handle = systems.file_system_of(folder)
    try:
        yield Together(folder, handle)
    finally:
        if handle is not None:
            os.close(handle)
