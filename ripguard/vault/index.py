"""The index: for each unit the names, sizes and places of its files, sealed under the key of the unit.

``index.ripguard`` has a head, the sealed table of units, then the sealed index of each unit; padding follows. The table
has what only the key of the whole vault may open: where the index of each unit stands. Columns are little-endian
arrays, so that a million files take some 30 bytes each and their names.
"""

from __future__ import annotations

import itertools
import os
import struct
import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ripguard.crypto.backend import TAG
from ripguard.store.schema import Check, canonical, count, fields, many, parsed, path, text
from ripguard.vault.places import HEAD, MOST_SIZE, SEALED

COLUMNS = (("number", "I"), ("shard", "I"), ("offset", "Q"), ("size", "Q"), ("name", "H"))  # "name": its bytes
WIDTHS = {"H": 2, "I": 4, "Q": 8}
TABLE = 0xFFFFFFFF  # number of the table in nonces; units have theirs
MOST_FILES = 1 << 32
_COUNT = struct.Struct("<Q")
_UNIT: dict[str, Check] = {"split": text, "label": text, "start": count, "length": count, "files": count}
_TABLE: dict[str, Check] = {"name": text, "only": text, "units": many(fields(_UNIT)), "files": count, "total": count}


@dataclass(frozen=True)
class Unit:
    """A unit in the table.

    Attributes:
        split, label: its names, "" for none.
        start, length: where its sealed index stands in ``index.ripguard``.
        files: their number.
    """

    split: str
    label: str
    start: int
    length: int
    files: int


@dataclass(frozen=True)
class Table:
    """The table of units.

    Attributes:
        name: of the source.
        only: ``annotations`` or ``images``, where other files were left out; "" for all.
        files: their number; total: their bytes.
    """

    name: str
    only: str
    files: int
    total: int
    units: list[Unit] = field(default_factory=list)

    def pack(self) -> bytes:
        units = [vars(unit) for unit in self.units]
        return canonical(vars(self) | {"units": units})

    @classmethod
    def parse(cls, data: bytes) -> Table:
        """Raises :class:`ValueError`."""
        value: dict[str, Any] = parsed(data)
        if not fields(_TABLE)(value) or len(value["units"]) > 1 << 16:
            raise ValueError("table")
        units = [Unit(**{name: one[name] for name in _UNIT}) for one in value["units"]]
        return cls(value["name"], value["only"], value["files"], value["total"], units)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a vault.

    Attributes:
        path: below the root, with ``/``.
        number: in the vault; unit: number of its unit.
        size: bytes.
        shard, offset: place of its first chunk.
    """

    path: str
    number: int
    unit: int
    size: int
    shard: int
    offset: int


class Files:
    """Files of a unit: parallel columns, sorted by name.

    Attributes:
        number: of each file in the vault.
        shard, offset: of its first chunk.
        size: bytes.
    """

    def __init__(self) -> None:
        self.number, self.shard = array("I"), array("I")
        self.offset, self.size = array("Q"), array("Q")
        self._lengths, self._ends, self._names = array("H"), array("Q", [0]), b""

    @classmethod
    def of(cls, rows: Iterable[tuple[int, int, int, int, str]]) -> Files:
        """From (number, shard, offset, size, path) of each file, in the order of their encoded paths."""
        found, names = cls(), list[bytes]()
        for number, shard, offset, size, name in rows:
            found.number.append(number)
            found.shard.append(shard)
            found.offset.append(offset)
            found.size.append(size)
            names.append(os.fsencode(name))
            found._lengths.append(len(names[-1]))
        found._set_names(b"".join(names))
        return found

    def _set_names(self, names: bytes) -> None:
        self._names, total = names, 0
        for length in self._lengths:
            total += length
            self._ends.append(total)

    def _columns(self) -> tuple[array[int], ...]:
        return self.number, self.shard, self.offset, self.size, self._lengths

    def pack(self) -> bytes:
        """Number of files, the columns, the names."""
        return b"".join([_COUNT.pack(len(self)), *map(_little, self._columns()), self._names])

    @classmethod
    def parse(cls, data: bytes) -> Files:
        """Inverse of :meth:`pack`. Raises :class:`ValueError`, also for names that lead out of a folder."""
        found, at = cls(), _COUNT.size
        if len(data) < at:
            raise ValueError("count")
        rows = _COUNT.unpack_from(data)[0]
        if rows * sum(WIDTHS[code] for _, code in COLUMNS) > len(data) - at:
            raise ValueError("columns")
        for (_, code), column in zip(COLUMNS, found._columns()):
            column.frombytes(data[at : at + rows * WIDTHS[code]])
            at += rows * WIDTHS[code]
            if sys.byteorder == "big":
                column.byteswap()
        found._set_names(data[at:])
        names = [found._names[a:b] for a, b in itertools.pairwise(found._ends)]
        if found._ends[-1] != len(data) - at or any(a >= b for a, b in itertools.pairwise(names)):
            raise ValueError("names")
        if not all(path(os.fsdecode(name)) for name in names):
            raise ValueError("a name leads out of the folder")
        if any(offset < HEAD for offset in found.offset):
            raise ValueError("offset")
        return found

    def check_places(self, capacity: int, shards: int) -> None:
        """Raise :class:`ValueError` if a file begins where none can: whoever has the key of a unit writes its index."""
        if not len(self):
            return
        offset, size = np.frombuffer(self.offset, np.uint64), np.frombuffer(self.size, np.uint64)
        if size.max() > MOST_SIZE or offset.max() > capacity or max(self.shard) >= shards:
            raise ValueError("a file leads out of the vault")
        if (offset + np.minimum(size + np.uint64(TAG), np.uint64(SEALED)) > capacity).any():
            raise ValueError("a file leads out of its shard")

    def __len__(self) -> int:
        return len(self.number)

    def name(self, row: int) -> str:
        """Path of a file, with ``/``."""
        return os.fsdecode(self._names[self._ends[row] : self._ends[row + 1]])

    def names(self) -> Iterator[str]:
        """The paths of all files."""
        return map(self.name, range(len(self)))

    def find(self, name: str) -> int | None:
        """Row of the file with this path; None if there is none."""
        wanted = os.fsencode(name)
        row = bisect_left(range(len(self)), wanted, key=lambda i: self._names[self._ends[i] : self._ends[i + 1]])
        return row if row < len(self) and self.name(row) == name else None


def _little(column: array[int]) -> bytes:
    if sys.byteorder == "big":
        column = array(column.typecode, column)
        column.byteswap()
    return column.tobytes()
