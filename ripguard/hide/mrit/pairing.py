"""Pairing rules of mRIT: functions that assign clean blocks to positions of the carrier.

A rule takes the pixels of one tile's full blocks, source (clean) and target (carrier), integers
``[batch, blocks, size², channels]``. It returns ``source_of``, int64 ``[batch, blocks]``: the source block for each
target position. All arithmetic is exact, so a pairing is the same on every machine.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np

from ripguard.hide.mrit.blocks import gather, rotation_table, scatter
from ripguard.hide.mrit.solver import solver

CLASSES = 6  # as in RVT (Hou et al. 2018)
RUN = 16  # blocks per run of `ranked`


def spread(blocks: np.ndarray) -> np.ndarray:
    """size⁴ times the variance, summed over channels: an exact integer with the order of the SD."""
    total = _sum(blocks)
    squares = np.einsum("bnpc,bnpc->bn", blocks, blocks)
    return blocks.shape[2] * squares - np.einsum("bnc,bnc->bn", total, total)  # [batch, blocks]


def in_place(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Every block stays in place (for 1×1 blocks, whose SD is 0; Yin et al.)."""
    return np.broadcast_to(np.arange(source.shape[1]), source.shape[:2])


def sd_rank(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The block with the k-th smallest SD goes to the position with the k-th smallest SD."""
    result = np.empty(source.shape[:2], np.int64)
    by_source = np.argsort(spread(source), axis=1, kind="stable")
    by_target = np.argsort(spread(target), axis=1, kind="stable")
    np.put_along_axis(result, by_target, by_source, axis=1)
    return result


def class_sizes(blocks: int) -> np.ndarray:
    """Number of blocks in each SD class, int64 ``[CLASSES]``: as equal as possible."""
    return np.diff(np.arange(CLASSES + 1) * blocks // CLASSES)


def class_tags(blocks: np.ndarray) -> np.ndarray:
    """SD class of each block, int64 ``[batch, blocks]``, classes of :func:`class_sizes` cut from the sorted SDs."""
    tags = np.empty(blocks.shape[:2], np.int64)
    order = np.argsort(spread(blocks), axis=1, kind="stable")
    ordered = np.repeat(np.arange(CLASSES), class_sizes(blocks.shape[1]))
    np.put_along_axis(tags, order, np.broadcast_to(ordered, order.shape), axis=1)
    return tags


def from_tags(source_tags: np.ndarray, target_tags: np.ndarray) -> np.ndarray:
    """Raster order within each class: the j-th source block of class c goes to the j-th position of class c."""
    result = np.empty(source_tags.shape, np.int64)
    by_source = np.argsort(source_tags, axis=1, kind="stable")
    by_target = np.argsort(target_tags, axis=1, kind="stable")
    np.put_along_axis(result, by_target, by_source, axis=1)
    return result


def sd_classes(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """SD classes, raster order within a class (RIT, Zhang et al. 2016; RVT): coarser, but encoded as class tags."""
    return from_tags(class_tags(source), class_tags(target))


def assignment(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The pairing with the least total squared error, each pair at its best rotation and mean shift."""
    # |target − source|² = |target|² + |source|² − 2·overlap: the squares are the same in every assignment
    return _best(overlaps(source, target))


def overlaps(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Inner products of mean-free blocks, best of four rotations: ``[batch, targets, sources]``, exact integers."""
    batch, count, pixels, channels = source.shape
    # all values and sums are integers; the narrower float holds them exactly for small blocks
    exact = np.float32 if pixels**2 * channels * 255**2 < 1 << 24 else np.float64
    turned = [source.astype(exact).take(order, axis=2) for order in rotation_table(math.isqrt(pixels))]
    flat = np.concatenate(turned, axis=1).reshape(batch, 4 * count, -1)  # [batch, 4·sources, size²·channels]
    # subtracting the mean on one side suffices: a constant has inner product 0 with a mean-free block
    other = (pixels * target - _sum(target)[:, :, None]).astype(exact).reshape(batch, count, -1)
    products = flat @ np.ascontiguousarray(other.transpose(0, 2, 1))  # [batch, 4·sources, targets]
    return functools.reduce(np.maximum, np.split(products, 4, axis=1)).transpose(0, 2, 1)


def _sum(blocks: np.ndarray) -> np.ndarray:
    """Sum of each block's pixels, ``[batch, blocks, channels]``: adding views is faster than ``.sum(2)``."""
    return functools.reduce(np.add, [blocks[:, :, i] for i in range(blocks.shape[2])])


def _best(overlap: np.ndarray) -> np.ndarray:
    """The source of each target in the assignment with most overlap: ``[batch, n, n]`` → int64 ``[batch, n]``."""
    solve = solver()
    cost = np.negative(overlap, dtype=np.float64, order="C")  # the solver's type: converted once, not per matrix
    return np.concatenate([solve(one)[1] for one in cost]).reshape(overlap.shape[:2])


def ranked(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Both sides sorted by SD, then the best pairing inside each run of :data:`RUN` blocks.

    Nearly as close to the carrier as ``assignment`` (``results/``, experiments/open_choices.py) at a tenth of its cost:
    an optimal pairing seldom pairs blocks of very different SD.
    """
    batch, count = source.shape[:2]
    by_source = np.argsort(spread(source), axis=1, kind="stable")  # [batch, blocks]
    by_target = np.argsort(spread(target), axis=1, kind="stable")
    sources, targets = gather(source, by_source), gather(target, by_target)  # [batch, blocks, size², channels]
    within = np.empty((batch, count), np.int64)
    whole = count // RUN * RUN
    for start, stop, run in ((0, whole, RUN), (whole, count, count - whole)):  # the last run may be shorter
        if stop > start:
            shape = (-1, run, *source.shape[2:])
            overlap = overlaps(sources[:, start:stop].reshape(shape), targets[:, start:stop].reshape(shape))
            best = _best(overlap)  # [batch·runs, run]
            within[:, start:stop] = best.reshape(batch, stop - start) + start + np.arange(stop - start) // run * run
    return scatter(gather(by_source, within), by_target)


Rule = Callable[[np.ndarray, np.ndarray], np.ndarray]
# code in the header → (name, rule): a new rule takes the next code, codes are never reused
RULES: dict[int, tuple[str, Rule]] = {
    0: ("in-place", in_place),
    1: ("sd-rank", sd_rank),
    2: ("sd-classes", sd_classes),
    3: ("assignment", assignment),
    4: ("ranked", ranked),
}
CODES = {name: code for code, (name, _) in RULES.items()}
