"""``release.ripguard``: one file with all metadata of a release, as named parts that can be read at random.

``docs/reference/format.md`` specifies it: magic, length of the directory (8 bytes), directory, parts. The directory is
canonical JSON, ``[[name, offset, length], …]``; offsets count from its end. It is no archive of a common format on
purpose: loaders of image folders would unpack one.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ripguard.damage import AS_BINARY, CUT, FRESH, was_text, what_happened
from ripguard.errors import StorageError
from ripguard.files import open_regular
from ripguard.store.schema import canonical, count, parsed, path
from ripguard.store.section import Section

MAGIC = b"ripguard/v2\n"
LENGTH = struct.Struct(">Q")
MOST_DIRECTORY = 1 << 26  # bytes


@dataclass(frozen=True)
class Part:
    """A part to be written.

    Attributes:
        name: its name in the directory.
        length: its bytes.
        sha256: hex digest, compared while the part is written.
        content: its bytes, in pieces.
    """

    name: str
    length: int
    sha256: str
    content: Iterable[bytes]

    @classmethod
    def of(cls, name: str, data: bytes) -> Part:
        """A part whose bytes are in memory."""
        return cls(name, len(data), hashlib.sha256(data).hexdigest(), (data,))


class WrongSize(ValueError):
    """A container is shorter or longer than its directory states.

    Attributes:
        stated, found: bytes; ``stated`` is a lower limit if the directory itself is cut.
    """

    def __init__(self, stated: int, found: int) -> None:
        super().__init__("size")
        self.stated, self.found = stated, found


def damage(start: bytes, end: bytes, error: ValueError) -> tuple[str, str]:
    """(what happened, what helps) of a file that :func:`sections` or :func:`slices` refuses.

    Args:
        start, end: its first and last bytes, :data:`ripguard.damage.SNIFFED` of a longer file.
        error: what they raised.
    """
    if found := what_happened(start) or (was_text(end) if start.startswith(MAGIC) else None):
        return found
    if isinstance(error, WrongSize):
        by = f"{error.found:,} bytes instead of {error.stated:,}"
        if error.found > error.stated:
            return f"it has {by}", FRESH
        # line ends converted to shorter ones take a byte of 65,536 away, a stopped copy takes any number
        few = error.stated - error.found <= max(16, error.stated >> 14)
        why = "it was cut off, or its line ends were converted" if few else "it was cut off"
        return f"{why}: {by}", AS_BINARY if few else CUT
    if MAGIC.startswith(start[: len(MAGIC)]):
        return "it was cut off", CUT
    return "", FRESH


def pieces(parts: list[Part]) -> Iterator[bytes]:
    """The bytes of a container, in pieces.

    Raises:
        StorageError: the content of a part does not have its digest.
    """
    rows, offset = [], 0
    for part in parts:
        rows.append([part.name, offset, part.length])
        offset += part.length
    directory = canonical(rows)
    yield MAGIC + LENGTH.pack(len(directory)) + directory
    for part in parts:
        found = hashlib.sha256()
        for piece in part.content:
            found.update(piece)
            yield piece
        if found.hexdigest() != part.sha256:
            raise StorageError(
                f"{part.name} changed after it was checked; nothing is published",
                "repeat the command: it makes the changed files again",
            )


def sections(file: Path) -> dict[str, Section]:
    """The parts of a container on disk, in their order.

    Raises:
        ValueError: it is not a container, or a part of it is missing, or anything follows its last part.
        FileNotFoundError, ripguard.files.NotRegular, OSError: it cannot be opened.
    """
    with open(open_regular(file), "rb") as opened:
        found = _directory(opened, os.fstat(opened.fileno()).st_size)
    return {name: Section(file, start, length) for name, (start, length) in found.items()}


def slices(data: bytes) -> dict[str, memoryview]:
    """The parts of a container in memory, in their order. Raises :class:`ValueError` as :func:`sections`."""
    view = memoryview(data)
    found = _directory(io.BytesIO(data), len(data))
    return {name: view[start : start + length] for name, (start, length) in found.items()}


def _directory(file: BinaryIO, size: int) -> dict[str, tuple[int, int]]:
    """Offset in the file, and length, of each part of a container of ``size`` bytes. Raises :class:`ValueError`."""
    if file.read(len(MAGIC)) != MAGIC:
        raise ValueError("magic")
    head = file.read(LENGTH.size)
    if len(head) < LENGTH.size:
        raise WrongSize(len(MAGIC) + LENGTH.size, size)
    (length,) = LENGTH.unpack(head)
    if length > MOST_DIRECTORY:
        raise ValueError("length of the directory")
    if size < len(MAGIC) + LENGTH.size + length:
        raise WrongSize(len(MAGIC) + LENGTH.size + length, size)
    raw = file.read(length)
    rows = parsed(raw)
    if not isinstance(rows, list) or not all(map(_is_row, rows)) or canonical(rows) != raw:
        raise ValueError("directory")
    start, at, found = len(MAGIC) + LENGTH.size + length, 0, dict[str, tuple[int, int]]()
    for name, offset, own in rows:
        if offset != at or name in found:
            raise ValueError(f"part {name}")
        found[name] = (start + offset, own)
        at += own
    if start + at != size:
        raise WrongSize(start + at, size)
    return found


def _is_row(row: object) -> bool:
    return isinstance(row, list) and len(row) == 3 and path(row[0]) and count(row[1]) and count(row[2])
