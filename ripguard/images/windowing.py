"""Samples of any type → 8 bits.

The rules, in this order:

- bool: 0 and 255. 8-bit unsigned: as they are.
- 16-bit unsigned color, and other 16-bit unsigned images whose greatest value is above half of the range: linear,
  0..65535 → 0..255. The first three of several bands (satellite images) are no color in this sense.
- floating point within 0..1: linear, 0..1 → 0..255.
- all others (12-bit gray in 16 bits, signed, 32 and 64 bits, other floating point): a window. It reaches from the
  0.1th to the 99.9th percentile of the finite values, or from the least to the greatest if that is less than twice as
  wide, so that only outliers are clipped. All channels share one window. An image of one value is clipped to 0..255.

NaN becomes 0, infinities become the ends of the window.
"""

from __future__ import annotations

import numpy as np

OUTLIERS = 0.1  # percent at each end
ROWS = 1 << 22  # samples that are converted at once; bounds the memory
SAMPLED = 1 << 20  # at least so many samples of a large image determine the percentiles


def to_8_bits(values: np.ndarray, bands: bool = False) -> np.ndarray:
    """The 8-bit rendering of samples.

    Args:
        values: ``[height, width, channels]`` of bool, integers or floats.
        bands: three channels are bands, not color.

    Returns:
        uint8, same shape.
    """
    values = values.astype(values.dtype.newbyteorder("="), copy=False)  # types are compared below
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    if values.dtype == bool:
        return values.astype(np.uint8) * np.uint8(255)
    low, high = span(values, bands)
    return scaled(values, low, high)


def full_range(values: np.ndarray) -> np.ndarray:
    """The 8-bit rendering of alpha: from 0 to the greatest value of its type, floating point from 0 to 1."""
    if values.dtype.kind in "ub" and values.dtype.itemsize == 1:
        return to_8_bits(values)
    return scaled(values, 0.0, 1.0 if values.dtype.kind == "f" else float(np.iinfo(values.dtype).max))


def span(values: np.ndarray, bands: bool = False) -> tuple[float, float]:
    """The values that become 0 and 255."""
    least, most, sampled = _finite(values)
    if values.dtype == np.uint16 and (most > 32767 or (values.shape[2] == 3 and not bands)):
        return 0.0, 65535.0
    if values.dtype.kind == "f" and least >= 0 and most <= 1:
        return 0.0, 1.0
    if least == most:
        return 0.0, 255.0
    low, high = (float(one) for one in np.percentile(sampled, (OUTLIERS, 100 - OUTLIERS)))
    return (least, most) if most - least < 2 * (high - low) or low == high else (low, high)


def scaled(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values from ``low`` to ``high`` → uint8 0..255, rounded; values outside are clipped, NaN becomes 0."""
    result = np.empty(values.shape, np.uint8)
    part_of = 0.5 if np.isinf(high - low) else 1.0  # otherwise differences of huge values overflow
    step = max(1, ROWS // max(1, values[0].size))
    for row in range(0, len(values), step):
        part = values[row : row + step].astype(np.float64)
        np.nan_to_num(part, copy=False, nan=low, posinf=high, neginf=low)
        part = part.clip(low, high) * part_of
        part = (part - low * part_of) / (high * part_of - low * part_of) * 255
        result[row : row + step] = np.round(part)
    return result


def _finite(values: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Least and greatest finite value (0, 0 if there is none), and some finite values as float64."""
    least, most, step = np.inf, -np.inf, max(1, ROWS // max(1, values[0].size))
    for row in range(0, len(values), step):
        part = values[row : row + step]
        part = part[np.isfinite(part)] if part.dtype.kind == "f" else part
        if part.size:
            least, most = min(least, float(part.min())), max(most, float(part.max()))
    every = max(1, int((values.shape[0] * values.shape[1] // SAMPLED) ** 0.5))
    sampled = values[::every, ::every].astype(np.float64).ravel()
    sampled = sampled[np.isfinite(sampled)]
    if least > most:
        return 0.0, 0.0, sampled
    return least, most, sampled if sampled.size else np.array([least, most])
