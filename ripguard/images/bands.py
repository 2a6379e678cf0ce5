"""The coarse part of images: their lowest frequencies, by the orthonormal DCT-II of the whole image.

``low_band(images, k)`` is ``enlarged(thumbnail(images, k), height, width)``: the image that shows no more than a
thumbnail of k×k pixels.
"""

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
    _check(values, k)
    if k >= max(values.shape[1:3]):
        return values.astype(np.float32)  # not through the transform: the very same values
    return _resampled(values, k, *values.shape[1:3])


def thumbnail(values: np.ndarray, k: int) -> np.ndarray:
    """Images of at most k×k pixels with the same lowest DCT coefficients, scaled so that brightness stays the same.

    Args:
        values, k: see :func:`low_band`.

    Returns:
        float32 ``[n, min(k, height), min(k, width), channels]``, in the unit of ``values``.

    Raises:
        ValueError: see :func:`low_band`.
    """
    _check(values, k)
    return _resampled(values, k, *(min(k, side) for side in values.shape[1:3]))


def enlarged(thumbnails: np.ndarray, height: int, width: int) -> np.ndarray:
    """Smooth images of ``height``×``width`` pixels with no other DCT coefficients than those of the thumbnails.

    The inverse of :func:`thumbnail` on images without finer content. Arguments as its result; returns float32.

    Raises:
        ValueError: see :func:`low_band`.
    """
    _check(thumbnails, 1)
    return _resampled(thumbnails, max(thumbnails.shape[1:3]), height, width)


def _check(values: np.ndarray, k: int) -> None:
    if values.ndim != 4:
        raise ValueError(f"images have the shape [n, height, width, channels], not {list(values.shape)}")
    if k < 1:
        raise ValueError(f"a band keeps at least one coefficient along each side, not {k}")


def _resampled(values: np.ndarray, k: int, height: int, width: int) -> np.ndarray:
    """The k×k lowest DCT coefficients as images of another size: float32 ``[n, height, width, channels]``."""
    from scipy.fft import dctn, idctn

    count, tall, wide, channels = values.shape
    rows, cols = min(k, tall, height), min(k, wide, width)
    scale = np.sqrt(height * width / (tall * wide))  # of coefficients, so that a constant keeps its value
    result = np.empty((count, height, width, channels), np.float32)
    for start in range(0, count, CHUNK):
        # float64: in float32, an image would differ in its last bits with its place in the batch
        found = dctn(values[start : start + CHUNK].astype(np.float64), axes=(1, 2), norm="ortho", overwrite_x=True)
        kept = np.zeros((len(found), height, width, channels))
        kept[:, :rows, :cols] = found[:, :rows, :cols] * scale
        result[start : start + CHUNK] = idctn(kept, axes=(1, 2), norm="ortho", overwrite_x=True)
    return result
