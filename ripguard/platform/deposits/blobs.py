"""Files named by their SHA-256, in a folder: the containers of deposited releases. A file never changes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from ripguard.errors import InputRefused
from ripguard.store.atomic import TEMPORARY, publish, storage, sync_folder, write_temporary

NAME = re.compile(r"[0-9a-f]{64}")


class Blobs:
    """A folder of files.

    Args:
        folder: it is made, mode 0700, when something is added.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, digest: str) -> Path:
        """Path of the file with this hex SHA-256, whether it exists or not."""
        if not NAME.fullmatch(digest):
            raise ValueError("blob: not a digest")
        return self.folder / digest[:2] / digest

    def add(self, pieces: Iterable[bytes], most: int) -> str:
        """Store bytes that arrive in pieces, durably; returns their hex SHA-256.

        Args:
            most: bytes.

        Raises:
            InputRefused: more bytes. Nothing is left.
            StorageError: the disk is full, or fails.
        """
        digest, length = hashlib.sha256(), 0

        def counted() -> Iterator[bytes]:
            nonlocal length
            for piece in pieces:
                length += len(piece)
                if length > most:
                    raise InputRefused(f"the deposit: more than {most:,} bytes", "deposit a smaller release")
                digest.update(piece)
                yield piece

        with storage("cannot create"):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = self.folder / os.urandom(8).hex()
        try:
            temporary = write_temporary(place, counted())
        except BaseException:
            self._drop_temporary()
            raise
        name = self.path(digest.hexdigest())
        with storage("cannot create"):
            name.parent.mkdir(mode=0o700, exist_ok=True)
        sync_folder(self.folder)
        publish(temporary, name)
        sync_folder(name.parent)
        return name.name

    def names(self) -> Iterator[str]:
        """Digests of all files."""
        for folder in sorted(self.folder.glob("??")):
            yield from sorted(one.name for one in folder.iterdir() if NAME.fullmatch(one.name))

    def remove(self, digest: str) -> None:
        """Remove a file that nothing refers to."""
        with storage("cannot remove"), contextlib.suppress(FileNotFoundError):
            self.path(digest).unlink()

    def _drop_temporary(self) -> None:
        """Remove the temporary file that this process and thread left."""
        import threading

        own = f".{os.getpid()}{threading.get_native_id()}.tmp"
        with contextlib.suppress(OSError):
            for one in self.folder.iterdir():
                if TEMPORARY.fullmatch(one.name) and one.name.endswith(own):
                    one.unlink()
