"""Blocks of similar texture are exchanged for each other: classes of standard deviations, by k-means.

Source: Hou, Qin, Wang, Zhang, "Reversible visual transformation via exploring the correlations within color images",
JVCI 53, 2018: the standard deviations of the original's green blocks are clustered; the carrier's blocks, sorted by
theirs, are cut into classes of the same sizes. Inside a class, blocks keep their raster order. Whole numbers only.

Blocks of equal deviation are always in one class. So the classes of the transformed image, whose blocks have the
deviations of the original's, follow from it and the sizes of the classes.
"""

from __future__ import annotations

import numpy as np

from ripguard.hide.mrit.pairing import from_tags

ROUNDS = 30  # of k-means; more change little


def spread(blocks: np.ndarray) -> np.ndarray:
    """n² times the population variance of the n pixels of each block: ``[…, n]`` → int64 ``[…]``."""
    pixels = blocks.astype(np.int64)
    return blocks.shape[-1] * (pixels**2).sum(-1) - pixels.sum(-1) ** 2


def clustered(spreads: np.ndarray, classes: int) -> np.ndarray:
    """Class of each block, 0 for the least deviation: int64 ``[blocks]`` → int64 ``[blocks]``.

    One-dimensional k-means on the deviations, in 256ths of a gray level times the pixels of a block. Classes may be
    empty.
    """
    if not len(spreads):
        return np.zeros(0, np.int64)
    deviations = np.floor(256 * np.sqrt(spreads)).astype(np.int64)
    ordered = np.sort(deviations)
    sums = np.concatenate([[0], np.cumsum(ordered)])
    centers = ordered[(2 * np.arange(classes) + 1) * len(ordered) // (2 * classes)]
    for _ in range(ROUNDS):
        cuts = np.searchsorted(ordered, (centers[1:] + centers[:-1] + 1) // 2)
        edges = np.concatenate([[0], cuts, [len(ordered)]])
        counts = np.diff(edges)
        means = np.diff(sums[edges]) // np.maximum(counts, 1)
        moved = np.sort(np.where(counts > 0, means, centers))
        if np.array_equal(moved, centers):
            break
        centers = moved
    return np.searchsorted((centers[1:] + centers[:-1] + 1) // 2, deviations, side="right").astype(np.int64)


def cut(spreads: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Classes of the given sizes, cut from the blocks sorted by deviation: int64 ``[blocks]`` → int64 ``[blocks]``."""
    tags = np.empty(len(spreads), np.int64)
    tags[np.argsort(spreads, kind="stable")] = np.repeat(np.arange(len(sizes)), sizes)
    return tags


def sources(tags: np.ndarray, spreads: np.ndarray, classes: int) -> np.ndarray:
    """The source block of each target position, int64 ``[blocks]``.

    Args:
        tags: classes of the source blocks; spreads: of the blocks at the target positions.
    """
    there = cut(spreads, np.bincount(tags, minlength=classes))
    return from_tags(tags[None], there[None])[0]
