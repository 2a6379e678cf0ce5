"""Rhombus prediction: which samples are predicted from which, how well, and in what order they are used.

Source: Sachnev, Kim, Nam, Suresh, Shi, "Reversible Watermarking Algorithm Using Sorting and Prediction", IEEE TCSVT
19(7), 2009, section II. A sample is predicted by the mean of its four neighbors in the same channel. The samples form
two sets, as the fields of a chessboard, so that all neighbors of one set are in the other. Integer arithmetic only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

CROSS, DOT = 0, 1  # (row + column) even, odd: the two sets, in the order in which they are embedded into


@dataclass(frozen=True)
class Cells:
    """The samples of one set that may change: all but those at the border and the first ones of the image.

    Attributes:
        at: positions in the flattened image, int64 ``[cells]``, ascending.
        row: distance of the neighbor below, in samples; column: of the neighbor at the right.
    """

    at: np.ndarray
    row: int
    column: int


SMALL = 1 << 18  # samples of images whose cells are kept


def cells_of(shape: tuple[int, int, int], first: int, parity: int) -> Cells:
    """The cells of an image.

    Args:
        shape: height, width, channels.
        first: number of samples at the beginning, in raster order, that never change: the header is in them.
        parity: :data:`CROSS` or :data:`DOT`.
    """
    return (_kept if np.prod(shape) <= SMALL else _cells)(shape, first, parity)


def _cells(shape: tuple[int, int, int], first: int, parity: int) -> Cells:
    height, width, channels = shape
    y, x = np.arange(1, max(height - 1, 1)), np.arange(1, max(width - 1, 1))
    chosen = (y[:, None] + x) % 2 == parity  # [height − 2, width − 2]
    pixels = (y[:, None] * width + x)[chosen]
    at = (pixels[:, None] * channels + np.arange(channels)).ravel()
    return Cells(at[at >= first], width * channels, channels)


_kept = lru_cache(maxsize=32)(_cells)


def predicted(flat: np.ndarray, cells: Cells) -> tuple[np.ndarray, np.ndarray]:
    """Prediction of each cell, and the order in which the cells are used.

    Cells on smooth ground come first: their errors are small. Equal cells keep their order in the image.

    Args:
        flat: int32 ``[samples]``, gray levels.

    Returns:
        int32 ``[cells]``, the floor of the mean of four neighbors; and int64 ``[cells]``, the stable order by the
        population variance of the differences between neighbors that follow each other around the cell.
    """
    up, down = flat[cells.at - cells.row], flat[cells.at + cells.row]
    left, right = flat[cells.at - cells.column], flat[cells.at + cells.column]
    around = [np.abs(down - left), np.abs(left - up), np.abs(up - right), np.abs(right - down)]
    total = around[0] + around[1] + around[2] + around[3]
    squares = around[0] ** 2 + around[1] ** 2 + around[2] ** 2 + around[3] ** 2
    spread = 4 * squares - total**2  # 16 times the variance, at most 4·4·255²
    return (up + down + left + right) >> 2, np.argsort(spread, kind="stable")
