"""Read a shared order of pixels off known pairs: clean images and the same ones as published by scheme ``privdl``.

A position of the scrambled image has the values of one position of the clean one. Where no other position has the same
values in all known images, that is where its pixel was. One pair decides most positions of a photograph, a few decide
all; then every image of the release is clear. No key, no labels and no training are needed. Images that have an order
each tell nothing of each other.
"""

from __future__ import annotations

import numpy as np

from ripguard.errors import expected


def order_from_pairs(clean: np.ndarray, scrambled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The order that the pairs show.

    Args:
        clean, scrambled: uint8 ``[pairs, height, width, channels]``, at least one pair.

    Returns:
        The order, int64 ``[height·width]``: where the pixel at each scrambled position comes from, and bool
        ``[height·width]``: whether the pairs leave no other choice. Otherwise it is one of the possible ones; every
        choice agrees with the pairs.

    Raises:
        ValueError: the shapes differ, or there is no pair.
    """
    if clean.shape != scrambled.shape or clean.ndim != 4 or not len(clean):
        raise ValueError(expected("pairs", f"scrambled images of shape {clean.shape}", scrambled.shape))
    count = clean.shape[1] * clean.shape[2]
    values = [np.moveaxis(images, 0, 2).reshape(count, -1) for images in (clean, scrambled)]  # [positions, values]
    _, kinds = np.unique(np.concatenate(values), axis=0, return_inverse=True)
    before, after = kinds.reshape(2, count)  # equal numbers: equal values in all images
    order = np.empty(count, np.int64)
    order[np.argsort(after, kind="stable")] = np.argsort(before, kind="stable")
    alone = np.bincount(before, minlength=kinds.max() + 1) == 1
    return order, alone[after]


def pairs_needed(clean: np.ndarray, scrambled: np.ndarray) -> int | None:
    """The smallest number of the first pairs that decide the whole order; None: all of them do not.

    Arguments and errors as :func:`order_from_pairs`.
    """
    for count in range(1, len(clean) + 1):
        if order_from_pairs(clean[:count], scrambled[:count])[1].all():
            return count
    return None
