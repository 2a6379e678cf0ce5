"""The geometry of blocks, on examples small enough to see."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ripguard.hide.mrit.blocks import cell_sums, from_cells, grid, rotate, rotation_table, to_cells

sides, sizes = st.integers(1, 30), st.integers(1, 9)


def test_a_three_by_five_image():
    """Raster order; the cells at the right and lower edge are filled with their last row and column."""
    image = np.arange(15, dtype=np.uint8).reshape(1, 3, 5, 1)
    g = grid(3, 5, 2)
    assert (g.rows, g.cols, g.cells) == (2, 3, 6)
    assert g.full.tolist() == [0, 1]
    assert g.counts.tolist() == [4, 4, 2, 2, 2, 1]
    wanted = [[0, 1, 5, 6], [2, 3, 7, 8], [4, 4, 9, 9], [10, 11, 10, 11], [12, 13, 12, 13], [14, 14, 14, 14]]
    assert to_cells(image, g).reshape(6, 4).tolist() == wanted
    assert cell_sums(image, g).ravel().tolist() == [12, 20, 13, 21, 25, 14]


@given(sides, sides, sizes, st.sampled_from([1, 3]))
def test_filling_up_invents_no_value(height, width, size, channels):
    """Each cell's minimum, maximum and sum are those of its real pixels."""
    image = np.random.default_rng(height * width).integers(0, 256, (1, height, width, channels)).astype(np.uint8)
    g = grid(height, width, size)
    cells, sums = to_cells(image, g)[0], cell_sums(image, g)[0]
    for number in range(g.cells):
        y, x = number // g.cols * size, number % g.cols * size
        real = image[0, y : y + size, x : x + size].reshape(-1, channels)
        assert len(real) == g.counts[number]
        assert (number in g.full) == (len(real) == size * size)
        np.testing.assert_array_equal(cells[number].min((0, 1)), real.min(0))
        np.testing.assert_array_equal(cells[number].max((0, 1)), real.max(0))
        np.testing.assert_array_equal(sums[number], real.sum(0, dtype=int))


@given(sides, sides, sizes, st.integers(1, 200))
def test_tiles_are_consecutive_and_the_first_are_longer(height, width, size, tile):
    """⌈full / tile⌉ runs that follow one another, longer ones first, as docs/reference/format.md says."""
    g = grid(height, width, size, tile)
    lengths = [stop - start for start, stop in g.tiles]
    assert [start for start, _ in g.tiles] == [0, *np.cumsum(lengths)][: len(lengths)]
    assert len(lengths) == -(-len(g.full) // tile)
    assert lengths == sorted(lengths, reverse=True)
    assert sum(lengths) == len(g.full)


@pytest.mark.parametrize("size", [1, 2, 3, 8, 32])
def test_turns_are_quarter_turns(size):
    """rotate turns each block by its own number of quarters, counter-clockwise, all channels alike."""
    blocks = np.random.default_rng(size).integers(0, 256, (2, 4, size, size, 3)).astype(np.uint8)
    quarter = np.array([[0, 1, 2, 3], [3, 3, 1, 0]], np.uint8)
    turned = rotate(blocks, quarter)
    for i, k in np.ndindex(2, 4):
        np.testing.assert_array_equal(turned[i, k], np.rot90(blocks[i, k], int(quarter[i, k])))
    assert np.array_equal(np.sort(rotation_table(size), axis=1), np.tile(np.arange(size * size), (4, 1)))


def test_blocks_larger_than_the_image():
    """No full cell, no tile: one cell that stays."""
    g = grid(3, 2, 8)
    image = np.arange(18, dtype=np.uint8).reshape(1, 3, 2, 3)
    assert (g.cells, len(g.full), g.tiles, g.counts.tolist()) == (1, 0, [], [6])
    np.testing.assert_array_equal(from_cells(to_cells(image, g), g), image)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 9), st.integers(1, 50), st.sampled_from([1, 3]))
def test_cells(height, width, size, tile, channels):  # type: ignore[no-untyped-def]
    """Cutting and joining; sums of real pixels only; tiles cover the full cells in near equal runs."""
    images = np.random.default_rng(0).integers(0, 256, (2, height, width, channels)).astype(np.uint8)
    g = grid(height, width, size, tile)
    cells = to_cells(images, g)
    np.testing.assert_array_equal(from_cells(cells, g), images)
    assert cell_sums(images, g).sum() == images.astype(int).sum()
    assert g.counts.sum() == height * width
    assert len(g.full) == (height // size) * (width // size)
    lengths = [b - a for a, b in g.tiles]
    assert sum(lengths) == len(g.full)
    assert not lengths or (max(lengths) <= tile and max(lengths) - min(lengths) <= 1)


def test_four_turns_are_none():
    """A turn and its opposite; four quarter turns."""
    draw = np.random.default_rng(0)
    blocks, quarter = draw.integers(0, 256, (2, 5, 3, 3, 3)), draw.integers(0, 4, (2, 5))
    np.testing.assert_array_equal(rotate(rotate(blocks, quarter), (4 - quarter) % 4), blocks)
    np.testing.assert_array_equal(rotate(blocks, np.ones((2, 5), int))[0, 0], np.rot90(blocks[0, 0]))
