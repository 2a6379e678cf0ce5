"""A release whose metadata stay open: a process that may open no file can still read rows, residue and sealed parts."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ripguard.errors import Damaged
from ripguard.files import TooLarge, open_regular
from ripguard.release.manifest import Release
from ripguard.release.parts import Parts, parts_of
from ripguard.release.record import MANIFEST, RELEASE, checked_info, checked_rows
from ripguard.store.atomic import storage
from ripguard.store.schema import MOST_INFO
from ripguard.store.section import STEP, Section
from ripguard.systems import read_at

NAME = "the-release"  # in messages


@dataclass(frozen=True, slots=True)
class HeldSection(Section):
    """A section of an open file.

    Attributes:
        handle: descriptor of the file.
    """

    handle: int = -1

    def _size(self) -> int:
        whole = max(0, os.fstat(self.handle).st_size - self.start)
        return whole if self.length is None else min(self.length, whole)

    def read(self, at_most: int) -> bytes:
        """See :meth:`Section.read`."""
        size = self._size()
        if size > at_most:
            raise TooLarge(errno.EFBIG, f"{size:,} bytes, more than {at_most:,}", os.fspath(self.path))
        return read_at(self.handle, size, self.start)

    def piece(self, offset: int, length: int, size: int | None = None) -> bytes:
        """See :meth:`Section.piece`."""
        own = self._size()
        if size is not None and own > size:
            raise TooLarge(errno.EFBIG, f"{own:,} bytes, more than {size:,}", os.fspath(self.path))
        return read_at(self.handle, length, self.start + offset) if offset + length <= own else b""

    def pieces(self, at_most: int | None = None) -> Iterator[bytes]:
        """See :meth:`Section.pieces`."""
        size = self._size()
        if at_most is not None and size > at_most:
            raise TooLarge(errno.EFBIG, f"{size:,} bytes, more than {at_most:,}", os.fspath(self.path))
        for at in range(0, size, STEP):
            yield self.piece(at, min(STEP, size - at))

    def lines(self, at_most: int) -> Iterator[bytes]:
        """See :meth:`Section.lines`. A line that is too long comes whole, or its first megabyte."""
        held = b""
        for piece in self.pieces():
            *whole, held = (held + piece).split(b"\n")
            yield from (line + b"\n" for line in whole)
            if len(held) > at_most:
                break
        if held:
            yield held


@dataclass(frozen=True)
class HeldParts(Parts):
    """The metadata of a release, all open."""

    known: dict[str, HeldSection]

    def section(self, name: str) -> HeldSection:
        if name not in self.known:
            raise FileNotFoundError(name)
        return self.known[name]

    def where(self, name: str = "") -> str:
        return f"{name} of the release"  # users of a server see it, and no path of the server

    def short(self, name: str) -> str:
        return name

    def names(self) -> list[str]:
        return list(self.known)


def held_release(root: Path) -> Release:
    """Open a release, and all files of its metadata for as long as this process lives.

    Args:
        root: folder with ``release.ripguard``, or with ``.ripguard/`` before format v2. No image needs to be there.

    Raises:
        NotProtected, Damaged, StorageError: as :meth:`ripguard.release.manifest.Release.open`; Damaged also where
            the record is missing.
    """
    found = parts_of(root)
    handles, known = dict[str, int](), dict[str, HeldSection]()
    with storage("cannot read"):
        for name in found.names():
            one = found.section(name)
            path = os.fspath(one.path)
            if path not in handles:
                handles[path] = open_regular(path)
            known[name] = HeldSection(os.path.basename(path), one.start, one.length, handles[path])
        for name in (RELEASE, MANIFEST):
            if name not in known:
                raise Damaged(f"{found.where(name)} is missing", "get a fresh copy of it")
        files = HeldParts(known)
        info = checked_info(files.section(RELEASE).read(MOST_INFO), root, found.where(RELEASE))
    rows = checked_rows(files.section(MANIFEST), info, found.where(MANIFEST), found.where(RELEASE))
    return Release(Path(NAME), info, rows, files)
