"""The coding order of samples, and the context from which each sample is predicted.

The order is interlaced: first the pixels of a coarse grid, then those that refine it by a factor of two, and so on. A
step codes one channel at all pixels of one phase, without a loop over pixels, and most pixels are predicted from
neighbors on all sides. Arithmetic is on small integers in float32, so every result is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

RADIUS = 2  # of the neighborhood of a sample, in pixels of its grid
FARTHEST = 127  # differences from the base are clipped here
PHASES = ((1, 1), (0, 1), (1, 0))  # parity of (row, column) of the pixels that a phase adds to the grid
CHANNELS = {1: (0,), 3: (1, 0, 2)}  # green first: it predicts the others best
_DIAGONAL, _DIRECT = ((-1, -1), (-1, 1), (1, -1), (1, 1)), ((-1, 0), (1, 0), (0, -1), (0, 1))
NEAREST = (_DIAGONAL, _DIRECT, _DIRECT)  # known neighbors whose mean is the base, for each phase
_WINDOW = [(dy, dx) for dy in range(-RADIUS, RADIUS + 1) for dx in range(-RADIUS, RADIUS + 1) if dy or dx]


@dataclass(frozen=True)
class Step:
    """One channel of one phase of one level.

    Attributes:
        level: the grid has every 2^level-th row and column.
        phase: index into :data:`PHASES`.
        turn: index into :data:`CHANNELS`.
    """

    level: int
    phase: int
    turn: int


def levels(height: int, width: int) -> int:
    """Number of levels above the coarsest grid, the first with a side of one or two pixels."""
    count = 0
    while -(-min(height, width) // 2**count) >= 3:
        count += 1
    return count


def steps(height: int, width: int, channels: int) -> list[Step]:
    """All steps in coding order; before them, the coarsest grid is coded without a model."""
    coarse_first = reversed(range(levels(height, width)))
    return [Step(level, p, t) for level in coarse_first for p in range(len(PHASES)) for t in range(channels)]


def coarsest(images: np.ndarray) -> np.ndarray:
    """View of the coarsest grid: ``[batch, channels, height, width]`` → ``[batch, channels, rows, columns]``."""
    stride = 2 ** levels(*images.shape[2:])
    return images[:, :, ::stride, ::stride]


def target(images: np.ndarray, step: Step) -> np.ndarray:
    """View of the samples that a step codes: ``[batch, channels, height, width]`` → ``[batch, rows, columns]``."""
    stride, (row, col) = 2**step.level, PHASES[step.phase]
    channel = CHANNELS[images.shape[1]][step.turn]
    return images[:, channel, row * stride :: 2 * stride, col * stride :: 2 * stride]


@lru_cache(maxsize=64)
def known(phase: int) -> tuple[tuple[int, int], ...]:
    """Offsets of the neighbors whose channels are all known when a phase begins."""
    row, col = PHASES[phase]
    done = ((0, 0), *PHASES[:phase])
    return tuple((dy, dx) for dy, dx in _WINDOW if ((row + dy) % 2, (col + dx) % 2) in done)


ALIKE = tuple((dy, dx) for dy, dx in _WINDOW if dy % 2 == 0 and dx % 2 == 0)  # neighbors of the same phase


def inputs(channels: int, phase: int, turn: int) -> int:
    """Length of the vector that :func:`context` gives."""
    return channels * (len(known(phase)) + 1) + turn * (1 + len(ALIKE))


def context(images: np.ndarray, step: Step) -> tuple[np.ndarray, np.ndarray]:
    """Context of the samples of a step.

    Args:
        images: float32 integers 0..255, ``[batch, channels, height, width]``; unknown samples are not read.

    Returns:
        float32 ``[inputs, batch·rows·columns]``, integers −128..127; and the base, the rounded mean of the four nearest
        known neighbors, float32 ``[batch·rows·columns]``.
    """
    stride, (row, col), channels = 2**step.level, PHASES[step.phase], images.shape[1]
    order = CHANNELS[channels]
    grid = images[:, :, ::stride, ::stride]
    rows, cols = len(range(row, grid.shape[2], 2)), len(range(col, grid.shape[3], 2))
    # reflected at the edges without repeating them, which keeps the phase of the samples outside
    padded = np.pad(grid, ((0, 0), (0, 0), (RADIUS, RADIUS), (RADIUS, RADIUS)), mode="reflect")

    def at(offset: tuple[int, int]) -> np.ndarray:  # [batch, channels, rows, cols]
        y, x = RADIUS + row + offset[0], RADIUS + col + offset[1]
        return padded[:, :, y : y + 2 * rows - 1 : 2, x : x + 2 * cols - 1 : 2]

    first, *others = (at(offset) for offset in NEAREST[step.phase])
    base = np.floor((sum(others, first) + 2) / 4)  # [batch, channels, rows, cols]
    found = np.empty((inputs(channels, step.phase, step.turn), len(grid), rows, cols), np.float32)
    filled = 0
    for offset in known(step.phase):
        np.subtract(at(offset), base, out=found[filled : filled + channels].swapaxes(0, 1))
        filled += channels
    for channel in order[: step.turn]:  # channels of this phase that are already coded
        for offset in ((0, 0), *ALIKE):
            np.subtract(at(offset)[:, channel], base[:, channel], out=found[filled])
            filled += 1
    np.clip(found[:filled], -FARTHEST, FARTHEST, out=found[:filled])
    np.subtract(base, 128, out=found[filled:].swapaxes(0, 1))
    return found.reshape(len(found), -1), base[:, order[step.turn]].ravel()
