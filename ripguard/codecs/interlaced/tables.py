"""Probabilities of a sample around its prediction, as integers that are the same on every machine.

A table is a mixture of two logistic distributions with one center, the second three times as wide. Logistic values are
computed from powers of one ratio in fixed point, so they do not depend on a library's ``exp``.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from functools import lru_cache

import numpy as np

FRACTION = 8  # a prediction is in eighths of a gray level
WIDTHS = 32  # of the narrower distribution; the first is NARROWEST, each next one 3^(1/5) times as wide
PER_TRIPLING = 5
NARROWEST = Decimal("0.125")  # gray levels: scale of a logistic distribution
SHARES = (4, 9, 13, 16)  # sixteenths of the narrower distribution
ONE = 30  # bits of the fixed-point numbers
UNIT = 20  # a table's weights sum to about 2^(UNIT + 4)


@lru_cache(maxsize=1)
def _ratios() -> np.ndarray:
    """exp(−1 / (8·scale)) in fixed point, int64 ``[WIDTHS + PER_TRIPLING]``; Decimal rounds correctly everywhere."""
    with localcontext() as exact:
        exact.prec = 40
        growth = Decimal(3) ** (Decimal(1) / PER_TRIPLING)
        scales = [NARROWEST * growth**i for i in range(WIDTHS + PER_TRIPLING)]
        return np.array([int((-1 / (FRACTION * s)).exp() * 2**ONE) for s in scales], np.int64)


@lru_cache(maxsize=1)
def tables() -> np.ndarray:
    """Weights of ``sample − rounded prediction + 128`` modulo 256.

    Returns:
        float32 integers below 2^24, ``[WIDTHS · FRACTION · len(SHARES), 256]``. The row of width ``w``, share ``s``
        and a prediction ``f`` eighths above its rounded value minus one half is
        ``(w · FRACTION + f) · len(SHARES) + s``.
    """
    reach = FRACTION * 129
    power = np.full(WIDTHS + PER_TRIPLING, 1 << ONE, np.int64)
    upper = np.empty((len(power), reach + 1), np.int64)  # 1 − F(n/8) = q / (1 + q) with q = exp(−n / (8·scale))
    for n in range(reach + 1):
        upper[:, n] = (power << UNIT) // ((1 << ONE) + power)
        power = power * _ratios() >> ONE
    below = np.concatenate([upper[:, :0:-1], (1 << UNIT) - upper], axis=1)  # F(n/8) for n = −reach..reach
    sample = FRACTION * np.arange(-128, 128)[None, :] - np.arange(-FRACTION // 2, FRACTION // 2)[:, None]  # [8, 256]
    mass = below[:, reach + sample + FRACTION // 2] - below[:, reach + sample - FRACTION // 2]  # [widths, 8, 256]
    narrow, wide = mass[:WIDTHS, :, None], mass[PER_TRIPLING:, :, None]
    share = np.array(SHARES)[:, None]
    weights = share * narrow + (16 - share) * wide + 1  # [widths, 8, shares, 256]; never zero
    return weights.reshape(-1, 256).astype(np.float32)
