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
