"""The auxiliary data of a transformation in bytes: what the decoder cannot see in the transformed image.

In this order: classes of the source blocks; gray levels cut off, of the samples that are 0 or 255; gray levels moved
back, of the blocks that reach 0 or 255; quarter turns, of the textured blocks; and a map of the means, in the cheapest
of three forms. ``means`` is that of Hou et al.: the rounded means of the source blocks, red and blue minus green.
``shifts`` and ``plain`` have the shifts themselves: they are cheaper where the perturbation is small or smooth.
"""

from __future__ import annotations

import numpy as np

from ripguard.codecs.bounded import BadStream
from ripguard.hide.mrit.blocks import Grid, to_cells
from ripguard.hide.rdh.symbols import Reader, Writer
from ripguard.hide.rit.maps import from_residuals, residuals
from ripguard.hide.rit.transform import (
    Moves,
    Settings,
    green,
    grid_of,
    moved_from,
    moved_to,
    pairing,
    restored,
    rounded_means,
    textured,
    with_excess,
)

FORMS = 3
MEANS, SHIFTS, PLAIN = range(FORMS)


def encode(image: np.ndarray, moves: Moves, own: Settings) -> bytes:
    """The auxiliary data of a transformed image, uint8 ``[height, width, channels]``."""
    return min((_encoded(image, moves, own, form) for form in range(FORMS)), key=len)


def decode(image: np.ndarray, data: bytes, own: Settings) -> np.ndarray:
    """The clean image, uint8, shape of ``image``.

    Raises:
        BadStream: not what :func:`encode` gives. Not all such bytes are detected.
    """
    g, channels, reader = grid_of(image.shape, own), image.shape[2], Reader(data)
    tags = np.zeros(len(g.full), np.int64)
    if own.size > 1:
        tags = reader.counted(len(g.full), own.classes).astype(np.int64)
    excess = np.zeros(image.shape, np.int16)
    back = np.zeros((g.cells, channels), np.int16)
    if own.overflow:
        cut_off = (image == 0) | (image == 255)
        excess[cut_off] = reader.counted(int(cut_off.sum()), own.overflow + 1)
    cells = to_cells(with_excess(image, excess)[None], g)
    if own.overflow:
        reaching = _reaching(cells)
        back[reaching] = reader.counted(int(reaching.sum()), 2 * own.overflow + 1) - own.overflow
    turns = np.zeros((len(g.full), channels), np.uint8)
    if own.size > 1:
        turned = textured(cells, g, own)
        turns[turned] = reader.counted(int(turned.sum()), 4)
    places = pairing(cells, tags, g, own)
    form = int(reader.uniform(1, FORMS)[0])
    found = [reader.residuals(g.cells, 4 * own.most) for _ in range(channels)]
    shifts = _from_map(form, np.stack(found, axis=1), rounded_means(cells, back, g, own), places, g)
    if np.abs(shifts).max() > own.most:
        raise BadStream("shifts out of bounds")
    return restored(cells, Moves(tags, turns, shifts, back, excess), places, g, own)


def _encoded(image: np.ndarray, moves: Moves, own: Settings, form: int) -> bytes:
    g, coder = grid_of(image.shape, own), Writer()
    if own.size > 1:
        coder.counted(moves.tags, own.classes)
    cut_off = (image == 0) | (image == 255)
    cells = to_cells(with_excess(image, moves.excess)[None], g)
    if own.overflow:
        coder.counted(moves.excess[cut_off], own.overflow + 1)
        coder.counted(moves.back[_reaching(cells)] + own.overflow, 2 * own.overflow + 1)
    if own.size > 1:
        coder.counted(moves.turns[textured(cells, g, own)], 4)
    places = pairing(cells, moves.tags, g, own)
    coder.uniform(np.array([form]), FORMS)
    for one in _to_map(form, moves.shifts, rounded_means(cells, moves.back, g, own), places, g).T:
        coder.residuals(one, 4 * own.most)
    return coder.done()


def _reaching(cells: np.ndarray) -> np.ndarray:
    """Blocks that reach 0 or 255, bool ``[cells, channels]``: only they may have been moved back."""
    return (cells.max((0, 2, 3)) >= 255) | (cells.min((0, 2, 3)) <= 0)


def _to_map(form: int, shifts: np.ndarray, seen: np.ndarray, places: np.ndarray, g: Grid) -> np.ndarray:
    """Shifts as residuals: int64 ``[cells, channels]`` → the same shape.

    Args:
        seen: rounded means of the transformed image, in steps.
    """
    if form == PLAIN:
        return shifts
    values = moved_from((seen - shifts)[None], places, g)[0] if form == MEANS else shifts
    maps = values.reshape(g.rows, g.cols, -1)
    if form == MEANS:
        maps = _beside_green(maps, -1)
    return residuals(maps).reshape(shifts.shape)


def _from_map(form: int, found: np.ndarray, seen: np.ndarray, places: np.ndarray, g: Grid) -> np.ndarray:
    """Inverse of :func:`_to_map`."""
    if form == PLAIN:
        return found
    maps = from_residuals(found.reshape(g.rows, g.cols, -1))
    if form == SHIFTS:
        return maps.reshape(found.shape)
    means = _beside_green(maps, 1).reshape(found.shape)
    return seen - moved_to(means[None], places, g)[0]


def _beside_green(maps: np.ndarray, sign: int) -> np.ndarray:
    """Red and blue with green added (1) or subtracted (−1); a gray image is unchanged."""
    result = maps.copy()
    others = [c for c in range(maps.shape[2]) if c != green(maps.shape[2])]
    result[:, :, others] += sign * maps[:, :, green(maps.shape[2]), None]
    return result
