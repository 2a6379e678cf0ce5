"""Payload positions, and embedding: each sample becomes the nearest value with the required low bits.

The header is in the lowest bit of the first samples. The record fills whole planes, and one more plane partially: only
samples of textured cells, in an order that depends on the key. The positions do not depend on bits outside the payload,
so a reader finds them even if those bits change.
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

CELLS = 8  # an image has CELLS × CELLS cells
SMALL = 1 << 16  # pixels; up to this size, the samples of each cell are cached
PART = 1 << 20  # samples processed at once


@dataclass(frozen=True)
class Places:
    """Payload positions of one image with ``samples`` samples.

    Attributes:
        head: bits of the header, in plane 0 of the samples 0..head−1.
        planes: planes that the record uses, at least 1; all but the highest are full.
        extra: int64, samples with a bit of the highest plane, in the order of the record.
    """

    samples: int
    head: int
    planes: int
    extra: np.ndarray

    @property
    def whole(self) -> int:
        return self.planes - 1

    def bits(self) -> np.ndarray:
        """Number of payload bits of each sample: uint8 ``[samples]``."""
        bits = np.full(self.samples, self.whole, np.uint8)
        bits[self.extra] += 1
        if self.whole == 0:
            bits[: self.head] = 1
        return bits


def planes_for(samples: int, length: int) -> int:
    """Number of planes that ``length`` bytes, header included, use."""
    return -(-8 * length // samples)


def extra_bits(samples: int, head: int, length: int) -> int:
    """Bits of the record in the highest plane."""
    planes = planes_for(samples, length)
    return 8 * length - (planes - 1) * samples - (head if planes == 1 else 0)


def choose(carrier: np.ndarray, head: int, length: int) -> int:
    """The cells whose samples get one more bit: the fewest, most textured ones. A 64-bit map; bit 0 is cell 0.

    Args:
        carrier: uint8 ``[height, width, channels]``.
        head: bits of the header; length: bytes of header and record.
    """
    needed = extra_bits(carrier.size, head, length)
    first = head if planes_for(carrier.size, length) == 1 else 0
    chosen = 0
    for cell in np.argsort(-texture(carrier), kind="stable"):
        if needed <= 0:
            break
        chosen |= 1 << int(cell)
        needed -= len(_inside(carrier.shape, int(cell), first))
    return chosen


def texture(image: np.ndarray) -> np.ndarray:
    """Mean absolute difference between neighbors in each cell: float64 ``[CELLS²]``, −1 for cells without samples."""
    steps = np.zeros(image.shape[:2], np.int32)
    values = image.astype(np.int16)
    steps[1:] += np.abs(np.diff(values, axis=0)).sum(2, dtype=np.int32)
    steps[:, 1:] += np.abs(np.diff(values, axis=1)).sum(2, dtype=np.int32)
    rows, cols = _edges(image.shape[0]), _edges(image.shape[1])
    found = [steps[top:bottom, left:right] for top, bottom in rows for left, right in cols]
    return np.array([cell.mean() if cell.size else -1.0 for cell in found])


def places(shape: tuple[int, ...], head: int, length: int, cells: int, key: bytes) -> Places | None:
    """All positions of a payload of ``length`` bytes, header included; None if the cells have too few samples.

    Args:
        cells: the map of :func:`choose`; key: 32 bytes that determine the order of the cells.
    """
    samples = int(np.prod(shape))
    planes, needed = planes_for(samples, length), extra_bits(samples, head, length)
    draw = np.frombuffer(hashlib.shake_256(key).digest(8 * CELLS * CELLS), ">u8")
    marked = sorted((cell for cell in range(CELLS * CELLS) if cells >> cell & 1), key=lambda cell: int(draw[cell]))
    found = [_inside(shape, cell, head if planes == 1 else 0) for cell in marked]
    extra = np.concatenate(found or [np.zeros(0, np.int32)])
    return Places(samples, head, planes, extra[:needed]) if 0 <= needed <= len(extra) else None


def _edges(side: int) -> list[tuple[int, int]]:
    """First and last pixels of the cells along a side: pixel i is in cell ``CELLS·i // side``."""
    starts = [-(-cell * side // CELLS) for cell in range(CELLS + 1)]
    return list(itertools.pairwise(starts))


def _inside(shape: tuple[int, ...], cell: int, first: int) -> np.ndarray:
    """Samples of a cell from number ``first`` on, int64, raster order."""
    table = _table(shape) if shape[0] * shape[1] <= SMALL else None
    inside = table[cell] if table else _samples(shape, cell)
    return inside[inside >= first] if first else inside


def _samples(shape: tuple[int, ...], cell: int) -> np.ndarray:
    height, width, channels = shape
    (top, bottom), (left, right) = _edges(height)[cell // CELLS], _edges(width)[cell % CELLS]
    pixels = np.arange(top, bottom)[:, None] * width + np.arange(left, right)  # [rows, cols]
    return (pixels.ravel()[:, None] * channels + np.arange(channels)).ravel()


@lru_cache(maxsize=16)
def _table(shape: tuple[int, ...]) -> list[np.ndarray]:
    return [_samples(shape, cell) for cell in range(CELLS * CELLS)]


def embed(carrier: np.ndarray, header: bytes, record: bytes, where: Places) -> np.ndarray:
    """Embed header and record in the image nearest to the carrier.

    Args:
        carrier: uint8 ``[height, width, channels]``.
    """
    flat = carrier.ravel().astype(np.int16)
    wanted, bits = np.zeros(where.samples, np.int16), where.bits()
    head, body = (np.unpackbits(np.frombuffer(data, np.uint8)) for data in (header, record))
    wanted[: where.head] |= head
    start = 0
    for plane in range(where.whole):
        first = where.head if plane == 0 else 0
        stop = start + where.samples - first
        wanted[first:] |= body[start:stop].astype(np.int16) << plane
        start = stop
    wanted[where.extra] |= body[start:].astype(np.int16) << where.whole
    parts = [slice(i, i + PART) for i in range(0, where.samples, PART)]
    return np.concatenate([_nearest(flat[p], wanted[p], bits[p]) for p in parts]).reshape(carrier.shape)


def _nearest(values: np.ndarray, wanted: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """For each value, the nearest in 0..255 with the required ``bits`` low bits; the lower one on a tie. uint8."""
    step = np.int16(1) << bits.astype(np.int16)
    low = (values & ~(step - 1)) | wanted  # less than one step away
    options = np.stack([low - step, low, low + step])  # [3, samples]
    distance = np.where((options < 0) | (options > 255), 512, np.abs(options - values))
    return np.take_along_axis(options, distance.argmin(0)[None], 0)[0].astype(np.uint8)


def extract(image: np.ndarray, where: Places) -> bytes:
    """Inverse of :func:`embed`: the record in an image, uint8 ``[height, width, channels]``."""
    flat = image.ravel()
    parts = [flat[where.head if plane == 0 else 0 :] >> plane & 1 for plane in range(where.whole)]
    return np.packbits(np.concatenate([*parts, flat[where.extra] >> where.whole & 1])).tobytes()
