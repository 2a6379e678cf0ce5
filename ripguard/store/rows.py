"""The rows of a manifest, parsed on demand from a file or bytes; the index takes 60 bytes per row.

All 60,000 rows of CIFAR-10, parsed, would take 150 MiB in every process.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import math
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ripguard.errors import Damaged
from ripguard.store.atomic import storage
from ripguard.store.schema import MOST_ROW, check_row, parsed
from ripguard.store.section import Section

AT_HAND = 512  # parsed rows in the cache: more than the images of a batch

Row = dict[str, Any]


class Rows(Sequence[Row]):
    """The rows of ``manifest.jsonl``: one dict per image, in file order.

    Args:
        source: the file, its section in a container, or the bytes; a missing file has no rows.
        units: number of units of the release.
        version: of the format of the release.

    Attributes:
        digest: hex SHA-256 of the file.

    Raises:
        ValueError: a line is not a row, or two rows have the same path or number.
        Damaged: on later access, the line of a row has changed.
        OSError: the file cannot be read, or is not a regular file; on later access :class:`StorageError`.
    """

    def __init__(self, source: Path | Section | bytes, units: int, version: int = 1) -> None:
        self._source = Section(source) if isinstance(source, Path) else source
        whole = hashlib.sha256()
        self._starts, self._marks = array("Q", [0]), array("Q")  # start of each line, and end of the last one
        self._samples, self._indices = array("Q"), array("I")
        paths, digests = array("Q"), array("Q")
        for line in _lines(self._source):
            row = parsed(line)
            check_row(row, units, version)
            whole.update(line)
            self._starts.append(self._starts[-1] + len(line))
            self._marks.append(_mark(line))
            self._samples.append(math.prod(row["shape"]))
            self._indices.append(row["index"])
            paths.append(_mark(_bytes(row["path"])))
            digests.append(_mark(_bytes(row["pixels"])))
        self.digest = whole.hexdigest()
        self._by_path, self._by_digest = _Index(paths), _Index(digests)
        if self._by_path.repeats or len(np.unique(self._numbers())) < len(self):
            raise ValueError("two rows about one image")
        self._parsed = functools.lru_cache(AT_HAND)(self._read)

    def __len__(self) -> int:
        return len(self._marks)

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return [self[i] for i in range(*number.indices(len(self)))]
        return self._parsed(range(len(self))[number])

    def __iter__(self) -> Iterator[Row]:
        number = 0
        with storage("cannot read"):
            for number, line in enumerate(_lines(self._source), 1):
                yield self._checked(number - 1, line)
        if number < len(self):
            raise self._changed()

    def at(self, path: str) -> Row | None:
        """The row of the image at ``path`` in the release; None if there is none."""
        for i in self._by_path.find(path):
            if (row := self._parsed(i))["path"] == path:
                return row
        return None

    def showing(self, digest: str) -> list[Row]:
        """The rows of all images whose samples have this hex digest (:func:`ripguard.crypto.aead.image_digest`)."""
        return [self[i] for i in self._by_digest.find(digest) if self[i]["pixels"] == digest]

    def number(self, path: str) -> int | None:
        """Position of the row for ``path``, which must be in the release. No row is read."""
        return next(self._by_path.find(path), None)

    def numbered(self, index: int) -> Row | None:
        """The row of the image with this number in the release; None if there is none."""
        found = np.flatnonzero(self._numbers() == index)
        return self[int(found[0])] if len(found) else None

    def _numbers(self) -> np.ndarray:
        kind = f"u{self._indices.itemsize}"
        return np.frombuffer(self._indices, kind) if self._indices else np.zeros(0, kind)

    def samples(self, path: str) -> int | None:
        """Number of samples of the image at ``path``; None if there is none."""
        return next((self._samples[i] for i in self._by_path.find(path)), None)

    def _read(self, number: int) -> Row:
        start, stop = self._starts[number : number + 2]
        if isinstance(self._source, bytes):
            return self._checked(number, self._source[start:stop])
        with storage("cannot read"):
            try:
                line = self._source.piece(start, stop - start)
            except FileNotFoundError:
                raise self._changed() from None
        return self._checked(number, line)

    def _checked(self, number: int, line: bytes) -> Row:
        if number >= len(self) or _mark(line) != self._marks[number]:
            raise self._changed()
        found: Row = parsed(line)
        return found

    def _changed(self) -> Damaged:
        where = "the manifest" if isinstance(self._source, bytes) else self._source.path
        return Damaged(f"{where} changed while it was being read", "get a fresh copy of it")

    def __getstate__(self) -> None:
        raise TypeError("rows cannot be pickled: open the release again")


class _Index:
    """Row numbers by the 64-bit hash of a string."""

    def __init__(self, marks: array[int]) -> None:
        order = np.argsort(np.frombuffer(marks, np.uint64), kind="stable") if marks else np.zeros(0, np.int64)
        self.numbers = array("Q", order.astype(np.uint64).tobytes())
        self.marks = array("Q", np.frombuffer(marks, np.uint64)[order].tobytes() if marks else b"")

    @property
    def repeats(self) -> bool:
        """Whether two rows have the same hash."""
        marks = np.frombuffer(self.marks, np.uint64) if self.marks else np.zeros(0, np.uint64)
        return bool((marks[1:] == marks[:-1]).any())

    def find(self, text: str) -> Iterator[int]:
        """Candidate rows for a string; the caller compares the string, as hashes may collide."""
        mark = _mark(_bytes(text))
        for i in range(bisect_left(self.marks, mark), len(self.marks)):
            if self.marks[i] != mark:
                return
            yield self.numbers[i]


def _mark(data: bytes) -> int:
    """The first 64 bits of the SHA-256 of ``data``."""
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big")


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")  # JSON strings may contain lone surrogates


def _lines(source: Section | bytes) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield from _bounded(iter(functools.partial(io.BytesIO(source).readline, MOST_ROW + 1), b""))
        return
    with contextlib.suppress(FileNotFoundError):
        yield from _bounded(source.lines(MOST_ROW))


def _bounded(lines: Iterator[bytes]) -> Iterator[bytes]:
    for line in lines:
        if len(line) > MOST_ROW:
            raise ValueError(f"a line of more than {MOST_ROW:,} bytes")
        yield line
