"""Where payload bits stand, and what a sample becomes that must carry some: the nearest value with the wanted low bits.

The header stands in the lowest bit of the first samples. The record fills whole planes, all samples of each, and of one
more plane only as many samples as it needs: those of textured cells, in an order that hangs on the key. Nothing here
depends on the bits that carry no payload, so a reader finds all positions whatever becomes of those.
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

CELLS = 8  # an image has CELLS × CELLS cells
SMALL = 1 << 16  # pixels: up to here the samples of cells are remembered
PART = 1 << 20  # samples that are worked on at once


@dataclass(frozen=True)
class Places:
    """Payload positions of one image with ``samples`` samples.

    Attributes:
        head: bits of the header, in plane 0 of the samples 0..head−1.
        planes: planes that the record reaches into, at least 1; all but the highest are filled.
        extra: int64, samples that carry a bit of the highest plane, in the order of the record.
    """

    samples: int
    head: int
    planes: int
    extra: np.ndarray

    @property
    def whole(self) -> int:
        return self.planes - 1

    def bits(self) -> np.ndarray:
        """How many low bits of each sample are payload: uint8 ``[samples]``."""
        bits = np.full(self.samples, self.whole, np.uint8)
        bits[self.extra] += 1
        if self.whole == 0:
            bits[: self.head] = 1
        return bits


def planes_for(samples: int, length: int) -> int:
    """Planes that ``length`` bytes, header included, reach into."""
    return -(-8 * length // samples)


def extra_bits(samples: int, head: int, length: int) -> int:
    """Bits of the record that the highest plane carries."""
    planes = planes_for(samples, length)
    return 8 * length - (planes - 1) * samples - (head if planes == 1 else 0)


def choose(carrier: np.ndarray, head: int, length: int) -> int:
    """The cells whose samples get one bit more: the most textured, as few as suffice. A 64-bit map, lowest bit cell 0.

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
    """Mean absolute difference between neighbours in each cell: float64 ``[CELLS²]``, −1 for cells without samples."""
    steps = np.zeros(image.shape[:2], np.int32)
    values = image.astype(np.int16)
    steps[1:] += np.abs(np.diff(values, axis=0)).sum(2, dtype=np.int32)
    steps[:, 1:] += np.abs(np.diff(values, axis=1)).sum(2, dtype=np.int32)
    rows, cols = _edges(image.shape[0]), _edges(image.shape[1])
    found = [steps[top:bottom, left:right] for top, bottom in rows for left, right in cols]
    return np.array([cell.mean() if cell.size else -1.0 for cell in found])


def places(shape: tuple[int, ...], head: int, length: int, cells: int, key: bytes) -> Places | None:
    """All positions of a payload of ``length`` bytes, header included; None if the cells have too little room.

    Args:
        cells: the map of :func:`choose`; key: 32 bytes that decide in which order its cells are used.
    """
    samples = int(np.prod(shape))
    planes, needed = planes_for(samples, length), extra_bits(samples, head, length)
    draw = np.frombuffer(hashlib.shake_256(key).digest(8 * CELLS * CELLS), ">u8")
    marked = sorted((cell for cell in range(CELLS * CELLS) if cells >> cell & 1), key=lambda cell: int(draw[cell]))
    found = [_inside(shape, cell, head if planes == 1 else 0) for cell in marked]
    extra = np.concatenate(found or [np.zeros(0, np.int32)])
    return Places(samples, head, planes, extra[:needed]) if 0 <= needed <= len(extra) else None


def _edges(side: int) -> list[tuple[int, int]]:
    """Where cells begin and end along a side: pixel i lies in cell ``CELLS·i // side``."""
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
    """The nearest image that carries header and record.

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
    """For each value the nearest in 0..255 whose ``bits`` low bits are the wanted ones; the lower of two. uint8."""
    step = np.int16(1) << bits.astype(np.int16)
    low = (values & ~(step - 1)) | wanted  # less than one step away
    options = np.stack([low - step, low, low + step])  # [3, samples]
    distance = np.where((options < 0) | (options > 255), 512, np.abs(options - values))
    return np.take_along_axis(options, distance.argmin(0)[None], 0)[0].astype(np.uint8)


def extract(image: np.ndarray, where: Places) -> bytes:
    """The record in an image: uint8 ``[height, width, channels]`` → bytes; inverse of :func:`embed`."""
    flat = image.ravel()
    parts = [flat[where.head if plane == 0 else 0 :] >> plane & 1 for plane in range(where.whole)]
    return np.packbits(np.concatenate([*parts, flat[where.extra] >> where.whole & 1])).tobytes()
