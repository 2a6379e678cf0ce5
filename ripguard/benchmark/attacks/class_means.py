"""Remove what all images of a class have in common: correct the mean colors of each class.

Labels are public. A perturbation that adds the same color to every image of a class (DUNE), or the same patches, moves
the mean of the class. This attack moves it back to the mean over all classes. It needs no key, no clean image and no
training. It also removes that classes differ in color by nature, so it costs clean images a little.
"""

from __future__ import annotations

import numpy as np

from ripguard.images.rounding import rounded


def without_class_means(images: np.ndarray, labels: np.ndarray, classes: int, grid: int = 1) -> np.ndarray:
    """The images, each moved by what the mean of its class differs from the mean over the classes, in every cell.

    Args:
        images: uint8 ``[n, height, width, channels]``, as published, with sides of at least ``grid`` pixels.
        labels: int64 ``[n]``, their classes.
        grid: cells along each side; 1: one color for the whole image.

    Returns:
        uint8, shape of ``images``.
    """
    height, width = images.shape[1:3]
    rows, cols = (np.arange(side) * grid // side for side in (height, width))
    first = [np.searchsorted(cells, np.arange(grid)) for cells in (rows, cols)]
    moves = np.zeros((classes, grid, grid, images.shape[3]))
    there = np.bincount(labels, minlength=classes) > 0
    for label in np.flatnonzero(there):
        sums = np.add.reduceat(np.add.reduceat(images[labels == label].mean(0), first[0], 0), first[1], 1)
        moves[label] = sums / (np.bincount(rows)[:, None, None] * np.bincount(cols)[None, :, None])
    moves[there] = moves[there].mean(0) - moves[there]
    result = np.empty_like(images)
    for label in np.flatnonzero(there):
        own = labels == label
        result[own] = rounded(images[own] + moves[label][rows][:, cols])
    return result
