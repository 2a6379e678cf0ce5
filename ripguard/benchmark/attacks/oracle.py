"""Upper bounds for attacks on mRIT: perfect positions of all blocks, or perfect shifts of all blocks.

An mRIT image consists of the blocks of the clean image, moved, rotated and shifted in brightness. An attacker may
search for the positions (a jigsaw puzzle) or for the shifts. These functions take the solution from the clean image, so
the accuracy of a victim bounds every attack of that kind. Both solutions together give the clean image.
"""

from __future__ import annotations

import numpy as np

from ripguard.images.rounding import rounded


def jigsaw(published: np.ndarray, clean: np.ndarray, side: int) -> np.ndarray:
    """Blocks of the clean image at their positions, with the mean brightness of the published image.

    Args:
        published, clean: uint8 ``[n, height, width, channels]``.
        side: of a block, in pixels. If it does not divide the size of the images, the border stays as published.
    """
    return _mixed(clean, published, side, published)


def shifts(published: np.ndarray, clean: np.ndarray, side: int) -> np.ndarray:
    """Blocks of the published image, with the mean brightness of the clean image; arguments as :func:`jigsaw`."""
    return _mixed(published, clean, side, published)


def _mixed(pattern: np.ndarray, means: np.ndarray, side: int, border: np.ndarray) -> np.ndarray:
    count, height, width, channels = border.shape
    rows, cols = height // side, width // side
    inside = slice(None), slice(0, rows * side), slice(0, cols * side)
    cut = (count, rows, side, cols, side, channels)
    found = pattern[inside].reshape(cut).astype(np.float64)
    wanted = means[inside].reshape(cut).mean((2, 4), keepdims=True)
    found += wanted - found.mean((2, 4), keepdims=True)
    mixed = border.copy()
    mixed[inside] = rounded(found).reshape(mixed[inside].shape)
    return mixed
