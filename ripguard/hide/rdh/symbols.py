"""Symbols in bytes, close to their entropy: ``constriction``'s range coder, with a table for each field.

The tables are integers, so the bytes are the same on every machine.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import constriction
import numpy as np

from ripguard.codecs.bounded import BadStream
from ripguard.panics import refused_as
from ripguard.sequence import TABLES, best_tables, table

_models = constriction.stream.model
WEIGHTS = 16  # values of a weight: 4 bits


class Writer:
    """Appends fields to one stream."""

    def __init__(self) -> None:
        self._coder = constriction.stream.queue.RangeEncoder()

    def counted(self, values: np.ndarray, alphabet: int) -> None:
        """A field, int32 ``[n]`` of 0..alphabet − 1, with a table of its frequencies. For small alphabets."""
        if not len(values):
            return
        counts = np.bincount(values, minlength=alphabet)
        weights = -(-(WEIGHTS - 1) * counts // counts.max())
        self._coder.encode(weights.astype(np.int32), _models.Uniform(WEIGHTS))
        if np.count_nonzero(weights) > 1:
            self._coder.encode(np.ascontiguousarray(values, np.int32), _frequencies(weights))

    def uniform(self, values: np.ndarray, alphabet: int) -> None:
        """A field of 0..alphabet − 1, at least two values, that are equally likely."""
        if len(values):
            self._coder.encode(np.ascontiguousarray(values, np.int32), _models.Uniform(alphabet))

    def residuals(self, values: np.ndarray, bound: int) -> None:
        """A field of −bound..bound, with the cheapest of the two-sided tables of :mod:`ripguard.sequence`."""
        if not len(values):
            return
        symbols = np.ascontiguousarray(values + bound, np.int32)
        (chosen,) = best_tables(symbols[None, :, None], bound)[0]
        self.uniform(np.array([chosen]), TABLES)
        self._coder.encode(symbols, table(int(chosen), bound))

    def done(self) -> bytes:
        return self._coder.get_compressed().astype("<u4").tobytes().rstrip(b"\0")


class Reader:
    """Reads the fields of a :class:`Writer` in the same order. Some wrong bytes are not detected."""

    def __init__(self, data: bytes) -> None:
        words = np.frombuffer(data.ljust(-(-len(data) // 4) * 4, b"\0"), "<u4").astype(np.uint32)
        self._coder = constriction.stream.queue.RangeDecoder(words)

    def counted(self, count: int, alphabet: int) -> np.ndarray:
        """int32 ``[count]``. Raises :class:`BadStream` where :meth:`Writer.counted` wrote no such field."""
        if count == 0:
            return np.zeros(0, np.int32)
        with _refused():
            weights = self._coder.decode(_models.Uniform(WEIGHTS), alphabet)
            if np.count_nonzero(weights) > 1:
                return self._coder.decode(_frequencies(weights), count)
        if not weights.any():
            raise BadStream("a table of frequencies is empty")
        return np.full(count, np.argmax(weights), np.int32)

    def uniform(self, count: int, alphabet: int) -> np.ndarray:
        """int32 ``[count]``. Raises :class:`BadStream`."""
        with _refused():
            return self._coder.decode(_models.Uniform(alphabet), count)

    def residuals(self, count: int, bound: int) -> np.ndarray:
        """int32 ``[count]``. Raises :class:`BadStream`."""
        if count == 0:
            return np.zeros(0, np.int32)
        chosen = int(self.uniform(1, TABLES)[0])
        with _refused():
            return self._coder.decode(table(chosen, bound), count) - bound


@contextlib.contextmanager
def _refused() -> Iterator[None]:
    with refused_as(BadStream, "its symbols cannot be read"):
        yield


def _frequencies(weights: np.ndarray) -> constriction.stream.model.Categorical:
    return _models.Categorical(weights.astype(np.float32), perfect=False)
