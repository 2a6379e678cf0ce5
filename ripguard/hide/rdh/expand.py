"""One pass of prediction-error expansion: bits into the samples of one set, and back. Exact for every image.

Source: Sachnev et al. 2009 (see :mod:`ripguard.hide.rdh.predict`). An error between two thresholds is doubled and gets
a bit; a larger one is shifted, so that the decoder can tell them apart. A sample that could leave 0..255 is found by
changing it twice on trial: if it stays inside, it carries data, and the decoder knows that, because it can still change
it once. Every other sample that is passed costs one bit of a map: whether it was changed, with a fixed bit, or left.
The map precedes the data, in the samples that carry.

All samples of a pass are processed at once. A pass ends where the samples that carry have paid for map and data; the
decoder counts the same way, so nothing but thresholds and the number of bits is stored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ripguard.codecs.bounded import BadStream
from ripguard.hide.rdh.predict import Cells, predicted

STEPS = 128  # pairs of thresholds
GENTLE = 15  # largest step that is tried before another layer is
FINE = 8  # the first pairs are all tried, later ones ever more sparsely
FALLEN = 0.9  # once there is less room than this share of the most, larger thresholds give less still


def thresholds(step: int) -> tuple[int, int]:
    """Smallest and largest error that is expanded: (−1, 0), (−2, 0), (−2, 1), (−3, 1) … for 0, 1, 2, 3 …"""
    return -1 - (step + 1) // 2, step // 2


def tried(first: int, most: int) -> list[int]:
    """The steps ``first`` to ``most`` that are tried in search of one that suffices, ascending."""
    found = []
    while first <= most:
        found.append(first)
        first += max(1, first // FINE)
    return found if not found or found[-1] == most else [*found, most]


def moved(error: np.ndarray, bit: np.ndarray, step: int) -> np.ndarray:
    """Errors after expansion with ``bit``, or after the shift."""
    low, high = thresholds(step)
    shifted = error + np.where(error > high, high + 1, low)
    return np.where((error >= low) & (error <= high), 2 * error + bit, shifted)


def moved_back(error: np.ndarray, step: int) -> np.ndarray:
    """Inverse of :func:`moved`."""
    low, high = thresholds(step)
    shifted = error - np.where(error > 2 * high + 1, high + 1, low)
    return np.where((error >= 2 * low) & (error <= 2 * high + 1), error >> 1, shifted)


def furthest(error: np.ndarray, step: int) -> np.ndarray:
    """Errors after :func:`moved` with the bit that moves them further."""
    return moved(error, error >= 0, step)


def inside(values: np.ndarray) -> np.ndarray:
    return (values >= 0) & (values <= 255)


@dataclass(frozen=True)
class Pass:
    """The samples of one set in the order in which they are used, with predictions that the pass does not change.

    Attributes:
        at: positions in the flattened image; guess: predictions; error: sample minus prediction. Each ``[cells]``.
    """

    at: np.ndarray
    guess: np.ndarray
    error: np.ndarray

    @classmethod
    def of(cls, flat: np.ndarray, cells: Cells) -> Pass:
        """``flat``: int32 ``[samples]``."""
        guess, order = predicted(flat, cells)
        at, guess = cells.at[order], guess[order]
        return cls(at, guess, flat[at] - guess)


def _end(carries: np.ndarray, costs: np.ndarray, bits: int) -> tuple[int, int]:
    """Number of samples after which those that carry have paid for the map and ``bits``, −1 if they never do; room."""
    balance = np.cumsum(carries.astype(np.int32) - costs)
    room = int(balance.max(initial=0))
    if bits == 0:
        return 0, room
    return int(np.argmax(balance >= bits)) + 1 if bits <= room else -1, room


def embed(own: Pass, bits: np.ndarray, most: int = STEPS - 1) -> tuple[int, np.ndarray] | None:
    """Embed bits with the smallest thresholds that suffice.

    Args:
        bits: 0 or 1, uint8 ``[bits]``.
        most: largest step of :func:`thresholds` that may be used.

    Returns:
        The step, and the new values of the samples ``own.at``, int32; None if the bits do not fit.
    """
    best = 0
    for step in tried(_first(own, len(bits)), most):
        values, room = embed_with(own, bits, step)
        if values is not None:
            return step, values
        if room < FALLEN * best:
            break
        best = max(best, room)
    return None


def _first(own: Pass, count: int) -> int:
    """The first step under which so many samples expand; :data:`STEPS` if there is none."""
    step = np.where(own.error < 0, np.maximum(-2 * own.error - 3, 0), 2 * own.error)  # the first that expands an error
    return int(np.count_nonzero(np.cumsum(np.bincount(step, minlength=STEPS)[:STEPS]) < count))


def embed_with(own: Pass, bits: np.ndarray, step: int) -> tuple[np.ndarray | None, int]:
    """As :func:`embed` with one step: the new values, None if the bits do not fit; and for how many there is room."""
    low, high = thresholds(step)
    once = furthest(own.error, step)
    able = inside(own.guess + once)  # can be changed
    free = able & inside(own.guess + furthest(once, step))  # can be changed, and the decoder knows
    carries = free & (own.error >= low) & (own.error <= high)
    end, room = _end(carries, ~free, len(bits))
    if end < 0:
        return None, room
    listed = able[:end][~free[:end]]  # the map
    bit = own.error >= 0
    bit[np.flatnonzero(carries[:end])] = np.concatenate([listed, bits])
    changed = np.where(able[:end], moved(own.error[:end], bit[:end], step), own.error[:end])
    return own.guess + np.concatenate([changed, own.error[end:]]), room


def extract(own: Pass, count: int, step: int, searched: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Inverse of :func:`embed`.

    Args:
        count: number of bits.
        searched: whether ``step`` must be the one that :func:`embed` chooses; otherwise it is any.

    Returns:
        The bits, uint8 ``[count]``, and the values of the samples before, int32 ``[cells]``.

    Raises:
        BadStream: no image becomes this one.
    """
    low, high = thresholds(step)
    free = inside(own.guess + furthest(own.error, step))
    carries = free & (own.error >= 2 * low) & (own.error <= 2 * high + 1)
    end, _ = _end(carries, ~free, count)
    if end < 0:
        raise BadStream("it does not hold that many bits")
    stream = own.error[:end][carries[:end]] & 1
    able = free[:end].copy()
    listed = int(np.count_nonzero(~able))
    able[~able] = stream[:listed] == 1
    before = np.where(able, moved_back(own.error[:end], step), own.error[:end])
    values = own.guess + np.concatenate([before, own.error[end:]])
    bits = stream[listed:].astype(np.uint8)
    if not inside(values).all() or (searched and not _repeats(own, values, bits, step)):
        raise BadStream("it was not embedded like this")
    return bits, values


def _repeats(own: Pass, values: np.ndarray, bits: np.ndarray, step: int) -> bool:
    """Whether embedding into the samples before gives the samples ``own`` again: so no two images mean the same.

    The step before must not have sufficed. More is not tried, so that a stranger's image costs little.
    """
    before = Pass(own.at, own.guess, values - own.guess)
    again, _ = embed_with(before, bits, step)
    if again is None or not np.array_equal(again, own.guess + own.error):
        return False
    first, found = _first(before, len(bits)), False
    for steps in (tried(first, GENTLE), tried(first, STEPS - 1)):
        if step in steps:
            at = steps.index(step)
            found = found or at == 0 or embed_with(before, bits, steps[at - 1])[0] is None
    return found
