"""Maps of whole numbers, one for each channel, as residuals of the MED predictor; and back.

The MED predictor (Weinberger, Seroussi, Sapiro, "The LOCO-I Lossless Image Compression Algorithm", 2000) predicts from
the neighbors at the left, above, and above left. Decoding goes along anti-diagonals, whose cells do not need each
other.
"""

from __future__ import annotations

import numpy as np


def residuals(maps: np.ndarray) -> np.ndarray:
    """int64 ``[rows, columns, channels]`` → the same shape: each value minus its prediction."""
    around = _padded(maps)
    return maps - _predicted(around[1:, :-1], around[:-1, 1:], around[:-1, :-1])


def from_residuals(found: np.ndarray) -> np.ndarray:
    """Inverse of :func:`residuals`."""
    rows, columns = found.shape[:2]
    around = np.zeros((rows + 1, columns + 1, found.shape[2]), np.int64)
    for diagonal in range(rows + columns - 1):
        y = np.arange(max(0, diagonal - columns + 1), min(rows, diagonal + 1))
        x = diagonal - y
        left, up, corner = around[y + 1, x], around[y, x + 1], around[y, x]
        around[y + 1, x + 1] = found[y, x] + _predicted(left, up, corner)
        if y[0] == 0:  # what stands above the first row is what stands left of it
            around[0, x[0] + 2 : x[0] + 3] = around[1, x[0] + 1]
        if x[-1] == 0:
            around[y[-1] + 2 : y[-1] + 3, 0] = around[y[-1] + 1, 1]
    return around[1:, 1:]


def _padded(maps: np.ndarray) -> np.ndarray:
    """With a row above and a column at the left: 0 for the first value, else the neighbor before it."""
    around = np.zeros((maps.shape[0] + 1, maps.shape[1] + 1, maps.shape[2]), np.int64)
    around[1:, 1:] = maps
    around[0, 2:] = maps[0, :-1]
    around[2:, 0] = maps[:-1, 0]
    return around


def _predicted(left: np.ndarray, up: np.ndarray, corner: np.ndarray) -> np.ndarray:
    return np.clip(left + up - corner, np.minimum(left, up), np.maximum(left, up))
