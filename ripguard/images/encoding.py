"""uint8 arrays → image files."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def png_bytes(image: np.ndarray) -> bytes:
    """uint8 ``[height, width, 1 or 3]`` → PNG file bytes."""
    buffer = io.BytesIO()
    Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def npy_bytes(image: np.ndarray) -> bytes:
    """An ``.npy`` file of an image.

    Args:
        image: uint8 ``[height, width, 1 or 3]``; one channel is written as ``[height, width]``.
    """
    buffer = io.BytesIO()
    np.save(buffer, image[:, :, 0] if image.shape[2] == 1 else image, allow_pickle=False)
    return buffer.getvalue()
