"""Cells of marks: sharp as ever up to 384 pixels, without edges above, of the same strength and color."""

from __future__ import annotations

import numpy as np
import pytest

from ripguard.hide.mrit.method import block_side
from ripguard.methods.fitted import Fitted
from ripguard.perturb.blend import SHARP, spread, weights
from ripguard.perturb.marks import EPS, Marks, MarksParams

pytestmark = pytest.mark.numeric

PATCHES = np.random.default_rng(3).choice([-1.0, 1.0], (2, 4, 4, 3))


def nearest(patches: np.ndarray, height: int, width: int) -> np.ndarray:
    """Every pixel has the color of its cell."""
    return patches[:, np.arange(height) * 4 // height][:, :, np.arange(width) * 4 // width]


@pytest.mark.parametrize("size", [(32, 32), (64, 64), (13, 21), (128, 256), (256, 256), (384, 384), (384, 900), (3, 2)])
def test_up_to_384_pixels_cells_are_sharp(size: tuple[int, int]):
    """Byte for byte as in every record."""
    np.testing.assert_array_equal(spread(PATCHES, *size), nearest(PATCHES, *size))


@pytest.mark.parametrize("size", [(385, 385), (448, 600), (1000, 401)])
def test_above_no_edge_is_left(size: tuple[int, int]):
    """Cells keep their colors in the middle; from pixel to pixel there is no step."""
    found, sharp = spread(PATCHES, *size), nearest(PATCHES, *size)
    middle = np.array([[(2 * i + 1) * side // 8 for i in range(4)] for side in size])
    np.testing.assert_allclose(found[:, middle[0]][:, :, middle[1]], PATCHES, atol=1e-9)
    steps = [np.abs(np.diff(one, axis=axis)).max() for one in (found, sharp) for axis in (1, 2)]
    assert max(steps[:2]) < 0.15 < 1.9 < min(steps[2:])
    assert np.abs(found).max() <= 1 + 1e-9
    one = spread(PATCHES[..., :1], *size)  # gray images
    np.testing.assert_allclose(one, found[..., :1], atol=1e-12)


def test_weights():
    """Shares of the cells: each row sums to 1, the same from both ends, each cell as much in all."""
    for side in (385, 400, 1001):
        found = weights(side, 4)
        np.testing.assert_allclose(found.sum(1), 1)
        np.testing.assert_allclose(found, found[::-1, ::-1], atol=1e-9)
        np.testing.assert_allclose(found.mean(0), 0.25, atol=0.002)


def test_marks_keep_their_size():
    """The root mean square of blended marks is that of sharp ones, and they point the same way."""
    image, label, seed = np.full((1, 400, 500, 3), 128, np.uint8), np.zeros(1, np.int64), np.array([7], np.uint64)
    noise = []
    for sharp in (SHARP, 1000):
        marks = Marks(MarksParams(), Fitted({"patches": PATCHES}), sharp=sharp)
        noise.append(marks(image, label, seed).astype(float) - 128)
    for one in noise:
        assert np.sqrt((one**2).mean()) == pytest.approx(255 * EPS / np.sqrt(2), rel=0.02)
    assert np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1] > 0.9


def test_the_limit_is_that_of_the_block_side():
    """Blended marks begin where mRIT's blocks become larger."""
    assert block_side(SHARP, SHARP) < block_side(SHARP + 1, SHARP + 1)
