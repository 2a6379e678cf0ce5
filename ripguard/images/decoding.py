"""Decoding of image files to uint8 arrays: exact, or refused. :mod:`ripguard.images.rendering` reads all others.

Accepted: 8-bit RGB and 8-bit grayscale, one frame, in a lossless or lossy still format (for a JPEG, "exact" refers to
its decoded pixels), and uint8 arrays in .npy files. Everything else is refused first. Pillow silently opens some files
inexactly, for example a 16-bit RGB PNG as 8-bit, so the file header is checked as well.

Files are untrusted. Decoders are called only in :func:`opened`. It limits, before any pixel is decoded: bytes
(:func:`max_bytes`), pixels (:func:`max_pixels`) and reads (:data:`MAX_READS`, for chunks, segments, fill bytes); scans
and EXIF segments of a JPEG; color profiles of a PNG; comments of a PNM; strips of a TIFF, of which only the second
frame is searched for; pixels of a run-length coded BMP. Decoding then takes time proportional to bytes and pixels.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ripguard.errors import InputRefused
from ripguard.images import arrays
from ripguard.images.gate import opened
from ripguard.images.headers import samples_claimed, size_of_image
from ripguard.images.limits import NPY
from ripguard.images.metadata import file_suffix, metadata
from ripguard.images.reading import cannot_read, read_by, read_file
from ripguard.images.refusals import check_beginning, check_header, check_loaded

__all__ = [
    "cannot_read",
    "file_suffix",
    "metadata",
    "opened",
    "read_by",
    "read_file",
    "read_image",
    "samples_claimed",
    "size_of_image",
]


def read_image(
    source: str | Path | bytes, name: str | None = None, expected: tuple[int, ...] | None = None, follow: bool = True
) -> np.ndarray:
    """Decode one image.

    Args:
        source: a path, or the bytes of a file.
        name: name for messages.
        expected: required height and width; an image of another size is refused before its pixels are decoded.
        follow: whether a path may be a symbolic link.

    Returns:
        uint8 ``[height, width, channels]``, 1 channel for grayscale, 3 for RGB.

    Raises:
        InputRefused: unreadable, or of a kind that cannot be stored exactly.
        StorageError: reading failed: no permission, a failing disk, no memory.
    """
    what = name or (str(source) if not isinstance(source, bytes) else "image")
    if isinstance(source, bytes):
        check_beginning(source[:16], len(source), what)
    data = source if isinstance(source, bytes) else read_file(source, what, follow)
    if data.startswith(NPY):
        return arrays.read_exact(data, what, expected)
    with opened(data, what, expected=expected) as image:
        check_header(image, data, what)
        image.load()
        check_loaded(image, what)
        array = np.asarray(image)
    if array.dtype != np.uint8:
        raise InputRefused(f"{what}: expected 8 bits per sample, got {array.dtype}")
    return np.ascontiguousarray(array if array.ndim == 3 else array[:, :, None])
