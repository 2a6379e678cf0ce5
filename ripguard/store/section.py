"""A section of a regular file, read with pread: a whole file, or one part of a container.

The file is opened for each read, so that an object with sections can be used in several processes. Links, pipes and
devices are refused as :func:`ripguard.files.open_regular` does.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ripguard.files import TooLarge, open_regular

STEP = 1 << 20  # bytes of one read


@dataclass(frozen=True, slots=True)
class Section:
    """Bytes of a file.

    Every method raises :class:`FileNotFoundError`, :class:`ripguard.files.NotRegular` or another :class:`OSError` if
    the file cannot be opened.

    Attributes:
        path: the file.
        start: offset of the first byte.
        length: number of bytes; None: up to the end of the file, whatever its size is when it is read.
    """

    path: Path | str
    start: int = 0
    length: int | None = None

    def read(self, at_most: int) -> bytes:
        """All bytes. Raises :class:`TooLarge` for more than ``at_most``, :class:`OSError` if the file is too short."""
        handle = open_regular(self.path, at_most if self.length is None else None)
        with open(handle, "rb") as file:
            # files in /proc report 0
            size = (os.fstat(handle).st_size or at_most) if self.length is None else self.length
            if size > at_most:
                raise TooLarge(errno.EFBIG, f"{size:,} bytes, more than {at_most:,}", os.fspath(self.path))
            file.seek(self.start)
            data = file.read(size + 1 if self.length is None else size)
        if self.length is None and len(data) > size:  # the file grew
            raise TooLarge(errno.EFBIG, f"more than {at_most:,} bytes", os.fspath(self.path))
        return data

    def piece(self, offset: int, length: int, size: int | None = None) -> bytes:
        """``length`` bytes at ``offset``; empty if the section is shorter.

        Args:
            size: greatest size of the section. Raises :class:`TooLarge` for a larger one.
        """
        own = self.length
        if own is not None and size is not None and own > size:
            raise TooLarge(errno.EFBIG, f"{own:,} bytes, more than {size:,}", os.fspath(self.path))
        handle = open_regular(self.path, size if own is None else None)
        try:
            end = os.fstat(handle).st_size if own is None else min(self.start + own, os.fstat(handle).st_size)
            if self.start + offset + length > end:  # truncated: do not allocate ``length`` bytes
                return b""
            os.lseek(handle, self.start + offset, os.SEEK_SET)
            return os.read(handle, length)
        finally:
            os.close(handle)

    def pieces(self, at_most: int | None = None) -> Iterator[bytes]:
        """All bytes, in pieces of at most :data:`STEP`. Raises :class:`TooLarge` as :meth:`read`."""
        with open(open_regular(self.path, at_most if self.length is None else None), "rb") as file:
            if self.length is not None and at_most is not None and self.length > at_most:
                raise TooLarge(errno.EFBIG, f"{self.length:,} bytes, more than {at_most:,}", os.fspath(self.path))
            file.seek(self.start)
            left = self.length
            while piece := file.read(STEP if left is None else min(STEP, left)):
                left = None if left is None else left - len(piece)
                yield piece

    def sha256(self, at_most: int | None = None) -> str:
        """Hex SHA-256 of all bytes. Raises as :meth:`pieces`."""
        found = hashlib.sha256()
        for piece in self.pieces(at_most):
            found.update(piece)
        return found.hexdigest()

    def lines(self, at_most: int) -> Iterator[bytes]:
        """All lines with their ends, each of at most ``at_most`` + 1 bytes: a longer one comes in parts."""
        with open(open_regular(self.path), "rb") as file:
            file.seek(self.start)
            left = self.length
            while line := file.readline(at_most + 1 if left is None else min(at_most + 1, left)):
                left = None if left is None else left - len(line)
                yield line
