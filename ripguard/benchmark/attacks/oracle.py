"""What one attack on mRIT alone can do at most: the perfect jigsaw, or the perfect guess of every block's shift.

An image hidden by mRIT consists of the clean image's own blocks, moved, turned and shifted in brightness. Somebody
may try to put the blocks back (a jigsaw), or to guess the shifts. Instead of a search that finds some of it, these
take all of it from the clean image, so what a victim learns from them bounds every attack that does only the one. Who
found all of both would have the clean image.
"""

from __future__ import annotations

import numpy as np


def jigsaw(published: np.ndarray, clean: np.ndarray, side: int) -> np.ndarray:
    """Every block of the clean image at its place, as bright as the published image is there.

    Args:
        published, clean: uint8 ``[n, height, width, channels]``; side: of a block. Sides that it does not divide leave
            a border as published.
    """
    return _mixed(clean, published, side, published)


def shifts(published: np.ndarray, clean: np.ndarray, side: int) -> np.ndarray:
    """Every block as it stands in the published image, as bright as the clean image is there."""
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
    mixed[inside] = np.clip(np.round(found), 0, 255).astype(np.uint8).reshape(mixed[inside].shape)
    return mixed
