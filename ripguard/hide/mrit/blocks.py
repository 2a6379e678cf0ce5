"""Images as N×N cells, and back: the geometry of mRIT. Integer arithmetic only.

Full cells can be moved and rotated. If N does not divide the image, the cells at the right and lower edges are smaller:
they stay in place and are only shifted. So any height and width works.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

MAX_TILE = 1024  # blocks; bounds the pairing cost and the length of the Sequence


@dataclass(frozen=True)
class Grid:
    """The cells of a ``height × width`` image cut into ``size × size`` blocks.

    Attributes:
        tile: largest number of full blocks in one tile; blocks are paired within a tile.
    """

    height: int
    width: int
    size: int
    tile: int = MAX_TILE

    @property
    def rows(self) -> int:
        return -(-self.height // self.size)

    @property
    def cols(self) -> int:
        return -(-self.width // self.size)

    @property
    def cells(self) -> int:
        return self.rows * self.cols

    @cached_property
    def full(self) -> np.ndarray:
        """Indices of the full cells in raster order, int64 ``[full]``."""
        whole = np.zeros((self.rows, self.cols), bool)
        whole[: self.height // self.size, : self.width // self.size] = True
        return np.flatnonzero(whole)

    @cached_property
    def counts(self) -> np.ndarray:
        """Pixels in each cell, int64 ``[cells]``; size² except at the edge."""
        heights = np.minimum(self.size, self.height - self.size * np.arange(self.rows))
        widths = np.minimum(self.size, self.width - self.size * np.arange(self.cols))
        return (heights[:, None] * widths[None, :]).ravel()

    @property
    def even(self) -> bool:
        """Whether every cell is full."""
        return self.height % self.size == 0 and self.width % self.size == 0

    @cached_property
    def pixels(self) -> int | np.ndarray:
        """Pixels in each cell for arithmetic on ``[batch, cells, channels]``: one number where all are full."""
        return self.size**2 if self.even else self.counts.astype(np.int32)[None, :, None]

    @cached_property
    def tile_lengths(self) -> tuple[int, ...]:
        """Number of full blocks of each tile: nearly equal, at most ``tile``, longer tiles first."""
        total = len(self.full)
        if total == 0:
            return ()
        parts = -(-total // self.tile)
        base, extra = divmod(total, parts)
        return (base + 1,) * extra + (base,) * (parts - extra)

    @property
    def tile_starts(self) -> np.ndarray:
        """First block of each full block's tile, int64 ``[full]``."""
        lengths = np.array(self.tile_lengths, np.int64)
        return np.repeat(np.cumsum(lengths) - lengths, lengths)

    @cached_property
    def tiles(self) -> list[tuple[int, int]]:
        """``(start, stop)`` of each tile."""
        stops = np.cumsum(self.tile_lengths, dtype=np.int64).tolist()
        return [(stop - length, stop) for stop, length in zip(stops, self.tile_lengths)]


@lru_cache(maxsize=64)
def grid(height: int, width: int, size: int, tile: int = MAX_TILE) -> Grid:
    """A cached :class:`Grid`: its index tables are shared by all images of one shape."""
    return Grid(height, width, size, tile)


def to_cells(images: np.ndarray, g: Grid) -> np.ndarray:
    """uint8 ``[batch, height, width, channels]`` → uint8 ``[batch, cells, size, size, channels]``.

    Edge cells are padded by repeating their last row and column, which preserves their minimum and maximum.
    """
    n, pad = g.size, ((0, 0), (0, g.rows * g.size - g.height), (0, g.cols * g.size - g.width), (0, 0))
    if not g.even:
        images = np.pad(images, pad, mode="edge")  # [batch, rows·n, cols·n, channels]
    split = images.reshape(len(images), g.rows, n, g.cols, n, -1)  # [batch, rows, n, cols, n, channels]
    return split.transpose(0, 1, 3, 2, 4, 5).reshape(len(images), g.cells, n, n, images.shape[3])


def from_cells(cells: np.ndarray, g: Grid) -> np.ndarray:
    """Inverse of :func:`to_cells`: ``[batch, cells, size, size, channels]`` → ``[batch, height, width, channels]``."""
    n = g.size
    split = cells.reshape(len(cells), g.rows, g.cols, n, n, -1).transpose(0, 1, 3, 2, 4, 5)
    return np.ascontiguousarray(split.reshape(len(cells), g.rows * n, g.cols * n, -1)[:, : g.height, : g.width])


def cell_sums(images: np.ndarray, g: Grid) -> np.ndarray:
    """Sum of each cell's real pixels: ``[batch, height, width, channels]`` → int32 ``[batch, cells, channels]``."""
    n = g.size
    if g.even and n <= 4:  # adding strided views is faster than reduceat
        split = images.reshape(len(images), g.rows, n, g.cols, n, -1)
        views = [split[:, :, y, :, x].astype(np.int32) for y in range(n) for x in range(n)]
        return functools.reduce(np.add, views).reshape(len(images), g.cells, -1)
    rows = np.add.reduceat(images.astype(np.int32), np.arange(0, g.height, g.size), axis=1)
    return np.add.reduceat(rows, np.arange(0, g.width, g.size), axis=2).reshape(len(images), g.cells, -1)


def full_cells(cells: np.ndarray, g: Grid) -> np.ndarray:
    """The full cells of ``[batch, cells, …]``; the same array if all are full."""
    return cells if g.even else cells[:, g.full]


def with_full(cells: np.ndarray, values: np.ndarray, g: Grid) -> np.ndarray:
    """Inverse of :func:`full_cells`: ``[batch, cells, …]`` with its full cells replaced by ``values``; a new array."""
    if g.even:
        return values
    result = cells.copy()
    result[:, g.full] = values
    return result


def placed(cells: np.ndarray, sources: np.ndarray, g: Grid) -> np.ndarray:
    """``[batch, cells, …]`` with full cell ``sources[b, i]`` at the i-th full position; edge cells stay."""
    return with_full(cells, gather(full_cells(cells, g), sources), g)


def gather(rows: np.ndarray, index: np.ndarray) -> np.ndarray:
    """``rows[b, index[b, i]]``: ``[batch, count, …]`` and ``[batch, m]`` → ``[batch, m, …]``, whole rows at a time."""
    flat, place = _flat(rows, index)
    return flat.take(place, axis=0).reshape(*index.shape, *rows.shape[2:])


def scatter(rows: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Inverse of :func:`gather` for permutations: the result has ``rows[b, i]`` at ``[b, index[b, i]]``."""
    flat, place = _flat(rows, index)
    result = np.empty_like(flat)
    result[place] = flat
    return result.reshape(rows.shape)


def _flat(rows: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the whole batch below each other, and the position of each indexed row."""
    batch, count, *rest = rows.shape
    return rows.reshape(batch * count, math.prod(rest)), (index + count * np.arange(batch)[:, None]).ravel()


def rotate(blocks: np.ndarray, quarter: np.ndarray) -> np.ndarray:
    """Rotate each block by ``quarter`` × 90° counterclockwise.

    Args:
        blocks: ``[batch, blocks, size, size, channels]``.
        quarter: integers 0..3, ``[batch, blocks]``.
    """
    batch, count, size, _, channels = blocks.shape
    pixels = blocks.reshape(batch, count * size * size, channels)
    order = rotation_table(size)[quarter] + size * size * np.arange(count)[:, None]  # [batch, blocks, size²]
    return gather(pixels, order.reshape(batch, count * size * size)).reshape(blocks.shape)


@lru_cache(maxsize=32)
def rotation_table(size: int) -> np.ndarray:
    """Pixel permutations of a block for the four rotations, int64 ``[4, size²]``."""
    index = np.arange(size * size).reshape(size, size)
    return np.stack([np.rot90(index, k).ravel() for k in range(4)])
