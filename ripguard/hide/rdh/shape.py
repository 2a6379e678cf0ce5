"""Perturbations that are cheap to describe: one multiple of a step for each block and channel.

Source: Liu et al., "Reversible Adversarial Examples" (arXiv 1811.00189): where the capacity is small, the perturbation
is kept at coarser resolution, by patches. Adding and subtracting are exact, because no sample leaves 0..255.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

RULES = ("nearest", "sign")


def levels_of(
    clean: np.ndarray, carrier: np.ndarray, size: int, step: int, most: int, rule: str = "nearest"
) -> np.ndarray:
    """The perturbation ``carrier − clean``, shaped: int64 ``[rows, columns, channels]``, in steps.

    Args:
        clean, carrier: uint8 ``[height, width, channels]``, of one shape.
        size: block side in pixels; blocks at the right and lower edge may be smaller.
        step: gray levels of a step.
        most: largest number of steps.
        rule: ``nearest``: the mean of the block, rounded to steps. ``sign``: ``most`` steps in the direction of the
            mean, upwards for a mean of 0.
    """
    total = _blocks(np.add, carrier.astype(np.int64) - clean, size)
    if rule == "sign":
        wanted = np.where(total >= 0, most, -most)
    else:
        pixels = _blocks(np.add, np.ones((*clean.shape[:2], 1), np.int64), size)
        wanted = np.clip((2 * total + step * pixels) // (2 * step * pixels), -most, most)
    return np.clip(wanted, lowest(clean, size, step), highest(clean, size, step))


def highest(clean: np.ndarray, size: int, step: int) -> np.ndarray:
    """Most steps that each block can be raised by: int64 ``[rows, columns, channels]``."""
    return (255 - _blocks(np.maximum, clean.astype(np.int64), size)) // step


def lowest(clean: np.ndarray, size: int, step: int) -> np.ndarray:
    """As :func:`highest`, for lowering; at most 0."""
    return -(_blocks(np.minimum, clean.astype(np.int64), size) // step)


def applied(image: np.ndarray, levels: np.ndarray, size: int, step: int) -> np.ndarray:
    """The image with a shaped perturbation added, uint8; ``−levels`` takes it away. Values wrap around at 256."""
    rows, columns = (np.arange(side) // size for side in image.shape[:2])
    return (image + step * levels[rows][:, columns]).astype(np.uint8)


def block_count(shape: tuple[int, ...], size: int) -> tuple[int, int, int]:
    """Rows, columns and channels of the blocks of an image."""
    return -(-shape[0] // size), -(-shape[1] // size), shape[2]


def _blocks(function: np.ufunc | Callable[..., np.ndarray], image: np.ndarray, size: int) -> np.ndarray:
    """Reduce each block: ``[height, width, channels]`` → ``[rows, columns, channels]``."""
    height, width = image.shape[:2]
    rows = function.reduceat(image, np.arange(0, height, size), axis=0)  # type: ignore[union-attr]
    return function.reduceat(rows, np.arange(0, width, size), axis=1)  # type: ignore[union-attr]
