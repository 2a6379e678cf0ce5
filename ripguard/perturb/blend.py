"""Spread the grid of :mod:`ripguard.perturb.patches` over an image: sharp cells, or blended ones on large images.

On a photograph of 512 pixels a cell has 128, and its border is a straight edge across faces and sky. So cells of images
whose shorter side exceeds :data:`SHARP` pixels pass into each other, in ramps of half a cosine. Smaller images keep
sharp cells: all measurements of what marks do to training are of such images (``results/``), and their carriers must
stay the same.
"""

from __future__ import annotations

import numpy as np

SHARP = 384  # pixels; up to this shorter side the cells keep sharp borders
RAMP = 0.5  # width of the ramp between two cells, as a share of the cell's side


def spread(patches: np.ndarray, height: int, width: int, sharp: int = SHARP) -> np.ndarray:
    """Patches ``[batch, grid, grid, channels]`` at full size: float64 ``[batch, height, width, channels]``.

    The values lie between those of the patches, so ramps lower the root mean square; the caller normalizes it.

    Args:
        sharp: largest shorter side, in pixels, of images with sharp cells.
    """
    grid = patches.shape[1]
    if min(height, width) <= sharp:
        return patches[:, np.arange(height) * grid // height][:, :, np.arange(width) * grid // width]
    along = np.einsum("bijc,xj->bixc", patches, weights(width, grid))  # [batch, grid, width, channels]
    rows = weights(height, grid) @ along.reshape(len(patches), grid, -1)
    return rows.reshape(len(patches), height, width, -1)


def weights(side: int, grid: int, ramp: float = RAMP) -> np.ndarray:
    """Share of every cell at every pixel along one side, float64 ``[side, grid]``; each row sums to 1."""
    place = (np.arange(side) + 0.5) * grid / side  # in cells, at the center of the pixel
    passed = np.clip((place[:, None] - np.arange(1, grid)) / ramp + 0.5, 0, 1)  # of each border's ramp, 0..1
    risen = (1 - np.cos(np.pi * passed)) / 2
    full = np.ones((side, 1))
    return np.hstack([full, risen]) - np.hstack([risen, 0 * full])
