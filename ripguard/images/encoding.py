"""uint8 arrays → image files."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def png_bytes(picture: np.ndarray) -> bytes:
    """uint8 ``[height, width, 1 or 3]`` → PNG file bytes."""
    buffer = io.BytesIO()
    Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()
