"""The containers of deposited releases, each ``release.ripguard`` in a folder that is named by its SHA-256.

A container never changes. Its folder is a release without images: what reads releases reads it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ripguard.errors import InputRefused
from ripguard.files import walk
from ripguard.release.record import CONTAINER
from ripguard.store.atomic import publish, storage, sync_folder
from ripguard.systems import BINARY, NOFOLLOW

NAME = re.compile(r"[0-9a-f]{64}")
INCOMING = "incoming"  # folder of files that are not published yet


@dataclass(frozen=True)
class Incoming:
    """A file that is complete, and not published yet: no other deposit sees or removes it.

    Attributes:
        path: where it is now.
        digest: hex SHA-256 of its bytes.
    """

    path: Path
    digest: str


class Blobs:
    """A folder of containers.

    Args:
        folder: it is made, mode 0700, when something is added.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, digest: str) -> Path:
        """Path of the container with this hex SHA-256, whether it exists or not."""
        if not NAME.fullmatch(digest):
            raise ValueError("blob: not a digest")
        return self.folder / digest[:2] / digest / CONTAINER

    @contextlib.contextmanager
    def incoming(self, pieces: Iterable[bytes], most: int) -> Iterator[Incoming]:
        """Store bytes that arrive in pieces, durably, for a ``with`` block. Unless published, they go at its end.

        Args:
            most: bytes.

        Raises:
            InputRefused: more bytes.
            StorageError: the disk is full, or fails.
        """
        place = self.folder / INCOMING / os.urandom(16).hex()
        with storage("cannot create"):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            digest, length = hashlib.sha256(), 0
            with storage("cannot write"):
                handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY | NOFOLLOW, 0o600)
            with open(handle, "wb") as file:
                for piece in pieces:  # what the sender raises stays as it is
                    length += len(piece)
                    if length > most:
                        raise InputRefused(f"the deposit: more than {most:,} bytes", "deposit a smaller release")
                    digest.update(piece)
                    with storage("cannot write"):
                        file.write(piece)
                with storage("cannot write"):
                    file.flush()
                    os.fsync(file.fileno())
            yield Incoming(place, digest.hexdigest())
        finally:
            with contextlib.suppress(OSError):
                place.unlink()

    def publish(self, incoming: Incoming) -> None:
        """Give a file its name, durably. One of that name has the same bytes."""
        name = self.path(incoming.digest)
        with storage("cannot create"):
            name.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        publish(incoming.path, name)
        for folder in (name.parent, name.parent.parent, self.folder):
            sync_folder(folder)

    def names(self) -> Iterator[str]:
        """Digests of all containers."""
        for place in self._files(self.folder):
            _, _, rest = place.partition("/")
            digest, _, name = rest.partition("/")
            if NAME.fullmatch(digest) and name == CONTAINER:
                yield digest

    def left(self) -> Iterator[Path]:
        """Files that arrived, or still arrive, and are not published: a killed process leaves some."""
        folder = self.folder / INCOMING
        yield from (folder / place for place in self._files(folder))

    def remove(self, path: Path) -> None:
        """Remove a file that nothing refers to."""
        with storage("cannot remove"), contextlib.suppress(FileNotFoundError):
            path.unlink()
            if path.name == CONTAINER:
                path.parent.rmdir()

    @staticmethod
    def _files(folder: Path) -> list[str]:
        """Relative paths of all files below a folder, sorted; none if it does not exist."""
        with storage("cannot list"):
            return sorted(place for place, _ in walk(folder)) if folder.exists() else []
