"""The linear lock in 8-bit images: x' = W ⊙ x + B, of each class, pixel and channel, and its inverse (Peng, Chen).

Both are whole-number arithmetic, so every machine gives the same samples. W and B are fixed-point numbers with
:data:`FRACTION` fractional bits.
"""

from __future__ import annotations

import numpy as np

FRACTION = 16  # bits
ONE = 1 << FRACTION
CHANNELS = 3


def fixed(scale: np.ndarray, offset: np.ndarray) -> dict[str, np.ndarray]:
    """W and B as fixed-point numbers.

    Args:
        scale: W, float ``[classes, side, side, 3]``; offset: B, same shape, in shares of 255.

    Returns:
        ``scale`` and ``offset``, int32 of that shape; an offset is in gray levels.
    """
    values = {"scale": scale.astype(np.float64), "offset": 255 * offset.astype(np.float64)}
    return {name: np.rint(value * ONE).astype(np.int32) for name, value in values.items()}


def sized(values: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Fixed-point numbers for images of another shape: bilinear, without antialiasing; gray: the mean of the channels.

    Args:
        values: int32 ``[n, side, side, 3]``.
        shape: height, width and channels, 1 or 3.

    Returns:
        int32 ``[n, height, width, channels]``.
    """
    height, width, channels = shape
    if channels != CHANNELS:
        values = values.mean(3, keepdims=True)
    if values.shape[1:3] != (height, width):
        down, along = _weights(values.shape[1], height), _weights(values.shape[2], width)
        values = np.einsum("ha,nabc->nhbc", down, values)
        values = np.einsum("wb,nhbc->nhwc", along, values)
    return np.rint(values).astype(np.int32)


def _weights(before: int, after: int) -> np.ndarray:
    """What each of ``after`` samples has of ``before`` ones, at their centers: float64 ``[after, before]``."""
    places = (np.arange(after) + 0.5) * before / after - 0.5
    return np.stack([np.interp(places, np.arange(before), one) for one in np.eye(before)], 1)


def locked(clean: np.ndarray, scale: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Locked images, rounded and cut off at 0 and 255: uint8 ``[n, height, width, channels]``, as ``clean``.

    Args:
        scale, offset: int32, shape of ``clean``; no product or sum exceeds 27 bits.
    """
    values = (scale * clean + offset + ONE // 2) >> FRACTION
    return np.clip(values, 0, 255).astype(np.uint8)


def unlocked(shown: np.ndarray, scale: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """The inverse, rounded and cut off: the clean images, but for what locking rounded and cut off.

    Arguments as :func:`locked`; ``scale`` is positive.
    """
    values = (2 * ((shown.astype(np.int32) << FRACTION) - offset) + scale) // (2 * scale)
    return np.clip(values, 0, 255).astype(np.uint8)
