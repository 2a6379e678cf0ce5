"""Values in gray levels as 8-bit samples."""

from __future__ import annotations

import numpy as np


def rounded(values: np.ndarray) -> np.ndarray:
    """The nearest samples: uint8, shape of ``values``, which are numbers in gray levels; halves go to the even one."""
    whole = np.rint(values)
    return np.clip(whole, 0, 255, out=whole).astype(np.uint8)
