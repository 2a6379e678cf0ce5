"""The coarse part of images: their lowest frequencies, by the orthonormal DCT-II of the whole image."""

from __future__ import annotations

import numpy as np

CHUNK = 1000  # images transformed at once: the transform of a whole dataset would need gigabytes


def low_band(values: np.ndarray, k: int) -> np.ndarray:
    """The part of each image in its k×k lowest DCT coefficients, channel by channel.

    An orthogonal projection: linear, and the same again if applied twice (up to rounding to float32). It keeps the
    mean of every channel. The result may leave the range of ``values``: nothing is rounded or clipped.

    Args:
        values: uint8 or float ``[n, height, width, channels]``.
        k: coefficients kept along each side, at least 1; of a side with k pixels or fewer, all are kept.

    Returns:
        float32, same shape, in the unit of ``values``.

    Raises:
        ValueError: ``values`` is no batch of images, or ``k`` is below 1.
    """
    from scipy.fft import dctn, idctn

    if values.ndim != 4:
        raise ValueError(f"images have the shape [n, height, width, channels], not {list(values.shape)}")
    if k < 1:
        raise ValueError(f"a band keeps at least one coefficient along each side, not {k}")
    if k >= max(values.shape[1:3]):
        return values.astype(np.float32)  # not through the transform: the very same values
    low = np.empty(values.shape, np.float32)
    for start in range(0, len(values), CHUNK):
        # float64: in float32, an image would differ in its last bits with its place in the batch
        found = dctn(values[start : start + CHUNK].astype(np.float64), axes=(1, 2), norm="ortho", overwrite_x=True)
        found[:, k:] = 0
        found[:, :, k:] = 0
        low[start : start + CHUNK] = idctn(found, axes=(1, 2), norm="ortho", overwrite_x=True)
    return low
