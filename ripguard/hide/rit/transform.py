"""Reversible image transformation of one image: blocks of the original approximate the carrier's.

Source: Zhang et al., "Reversible visual transformation" (RIT, IEEE TMM 18(8), 2016) in the form for color images of
Hou et al. (JVCI 53, 2018), as Yin et al. use it ("Reversible Adversarial Attack based on Reversible Image
Transformation", 2019). Red and blue use the pairing of green, and have turns of their own.

With blocks of one pixel there is nothing to pair or to turn: each sample takes the value nearest to the carrier's that
leaves the same remainder by the quantizer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ripguard.hide.mrit.blocks import (
    Grid,
    cell_sums,
    from_cells,
    full_cells,
    gather,
    grid,
    rotate,
    scatter,
    to_cells,
    with_full,
)
from ripguard.hide.mrit.transform import best_turn
from ripguard.hide.rit.classes import clustered, sources, spread


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Parameters of one transformation; the header contains all of them.

    Attributes:
        size: block side in pixels; step: quantizer of the means; overflow: most gray levels that a block is moved back
            by to stay in 0..255, and that are cut off beyond that (T); flat: standard deviation up to which blocks are
            not turned (DT); classes: number of classes (K).
    """

    size: int = 1
    step: int = 8
    overflow: int = 8
    flat: int = 6
    classes: int = 6

    @property
    def most(self) -> int:
        """Largest shift, in steps, and largest mean in steps."""
        return (255 + 2 * self.overflow) // self.step + 2


@dataclass
class Moves:
    """What undoes a transformation.

    Attributes:
        tags: int64 ``[full]``, class of each source block.
        turns: uint8 ``[full, channels]``, quarter turns at each target position.
        shifts: int16 ``[cells, channels]``, in steps, at each target position.
        back: int16 ``[cells, channels]``, gray levels that a block was lowered by to stay in 0..255.
        excess: uint8 ``[height, width, channels]``, gray levels cut off where the result is 0 or 255.
    """

    tags: np.ndarray
    turns: np.ndarray
    shifts: np.ndarray
    back: np.ndarray
    excess: np.ndarray


def grid_of(shape: tuple[int, ...], own: Settings) -> Grid:
    return grid(shape[0], shape[1], own.size)


def green(channels: int) -> int:
    """The channel that decides the pairing."""
    return 1 if channels == 3 else 0


def forward(clean: np.ndarray, carrier: np.ndarray, own: Settings) -> tuple[np.ndarray, Moves]:
    """Transform ``clean`` so that it approximates ``carrier``; both uint8 ``[height, width, channels]``."""
    g, channels = grid_of(clean.shape, own), clean.shape[2]
    narrow, wanted = (to_cells(image[None], g).astype(np.int16) for image in (clean, carrier))
    # 1. classes and pairing, by the green channel
    tags = np.zeros(len(g.full), np.int64)
    if own.size > 1:
        tags = clustered(spreads(narrow, g)[:, green(channels)], own.classes)
    places = pairing(wanted, tags, g, own)
    there, sums = moved_to(narrow, places, g), moved_to(cell_sums(clean[None], g), places, g)
    # 2. shifts of the means, in steps
    weight = own.step * _pixels(g)
    shifts = (2 * (cell_sums(carrier[None], g)[0] - sums[0]) + weight) // (2 * weight)  # [cells, channels]
    room = 2 * own.overflow
    highest = (255 + room - there.max((0, 2, 3))) // own.step
    lowest = -((there.min((0, 2, 3)) + room) // own.step)
    shifts = np.clip(shifts, lowest, highest).astype(np.int16)
    there = there + own.step * shifts[None, :, None, None]
    # 3. overflow: back by up to T, the rest is cut off
    above, below = there.max((0, 2, 3)) - 255, -there.min((0, 2, 3))
    back = np.clip(above, 0, own.overflow) - np.clip(below, 0, own.overflow)
    there = there - back[None, :, None, None]
    # 4. quarter turns of what is not flat
    turns = np.zeros((len(g.full), channels), np.uint8)
    if own.size > 1:
        blocks = apart(full_cells(there, g))
        turns = best_turn(np.clip(blocks, 0, 255), apart(full_cells(wanted, g)))[0].reshape(-1, channels)
        turns = np.where(textured(there, g, own), turns, 0).astype(np.uint8)
        there = with_full(there, together(rotate(blocks, turns.reshape(1, -1)), channels), g)
    image = from_cells(there, g)[0]
    seen = np.clip(image, 0, 255)
    return seen.astype(np.uint8), Moves(tags, turns, shifts, back, np.abs(image - seen).astype(np.uint8))


def restored(cells: np.ndarray, moves: Moves, places: np.ndarray, g: Grid, own: Settings) -> np.ndarray:
    """Undo :func:`forward`.

    Args:
        cells: int16 ``[1, cells, size, size, channels]``, of the transformed image with what was cut off.
        places: see :func:`pairing`.

    Returns:
        uint8 ``[height, width, channels]``. Values outside 0..255, which only wrong moves give, wrap around.
    """
    if own.size > 1:
        cells = _turned_back(cells, moves, g)
    cells = cells + (moves.back - own.step * moves.shifts)[None, :, None, None]
    return from_cells(moved_from(cells, places, g), g)[0].astype(np.uint8)


def _turned_back(cells: np.ndarray, moves: Moves, g: Grid) -> np.ndarray:
    turned = rotate(apart(full_cells(cells, g)), (4 - moves.turns.reshape(1, -1)) % 4)
    return with_full(cells, together(turned, cells.shape[4]), g)


def pairing(cells: np.ndarray, tags: np.ndarray, g: Grid, own: Settings) -> np.ndarray:
    """The source block of each target position: int64 ``[full]``.

    Args:
        cells: of the carrier, or of the transformed image, whose blocks have the deviations of their sources.
        tags: classes of the source blocks.
    """
    if own.size == 1:  # all deviations are 0
        return np.arange(len(g.full))
    return sources(tags, spreads(cells, g)[:, green(cells.shape[4])], own.classes)


def with_excess(image: np.ndarray, excess: np.ndarray) -> np.ndarray:
    """The transformed image as it was before it was cut to 0..255, int16. ``excess``: uint8 or int16."""
    return image + ((image == 255).astype(np.int16) - (image == 0)) * excess


def spreads(cells: np.ndarray, g: Grid) -> np.ndarray:
    """:func:`spread` of each full block and channel: ``[1, cells, size, size, channels]`` → ``[full, channels]``."""
    full = full_cells(cells, g)[0]
    return spread(full.reshape(len(full), g.size**2, cells.shape[4]).swapaxes(1, 2))


def textured(cells: np.ndarray, g: Grid, own: Settings) -> np.ndarray:
    """Whether each full block and channel deviates by more than ``own.flat``, and so may be turned."""
    return spreads(cells, g) > (own.flat * own.size**2) ** 2


def rounded_means(cells: np.ndarray, back: np.ndarray, g: Grid, own: Settings) -> np.ndarray:
    """Means of the blocks before they were moved back, rounded to steps: int64 ``[cells, channels]``.

    Minus the shift, this is the rounded mean of the source block, because shifts are whole steps.
    """
    pixels = _pixels(g)
    weight = own.step * pixels
    sums = cell_sums(from_cells(cells, g), g)[0] + pixels * back
    return (2 * sums + weight) // (2 * weight)


def moved_to(cells: np.ndarray, places: np.ndarray, g: Grid) -> np.ndarray:
    """``[1, cells, …]`` with full cell ``places[i]`` at the i-th full position; edge cells stay."""
    return with_full(cells, gather(full_cells(cells, g), places[None]), g)


def moved_from(cells: np.ndarray, places: np.ndarray, g: Grid) -> np.ndarray:
    """Inverse of :func:`moved_to`."""
    return with_full(cells, scatter(full_cells(cells, g), places[None]), g)


def apart(blocks: np.ndarray) -> np.ndarray:
    """Each channel as a block: ``[1, n, size, size, channels]`` → ``[1, n·channels, size, size, 1]``."""
    size = blocks.shape[2]
    return np.ascontiguousarray(blocks.transpose(0, 1, 4, 2, 3)).reshape(1, -1, size, size, 1)


def together(blocks: np.ndarray, channels: int) -> np.ndarray:
    """Inverse of :func:`apart`."""
    size = blocks.shape[2]
    split = blocks.reshape(1, -1, channels, size, size)
    return np.ascontiguousarray(split.transpose(0, 1, 3, 4, 2))


def _pixels(g: Grid) -> np.ndarray:
    """Pixels of each cell, int64 ``[cells, 1]``."""
    return g.counts[:, None].astype(np.int64)
