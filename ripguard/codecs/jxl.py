"""The size of a JPEG XL stream that ripguard wrote, :mod:`ripguard.images.jpeg_xl`."""

from __future__ import annotations

from ripguard.codecs.bounded import BadStream
from ripguard.images import jpeg_xl


def size(data: bytes) -> tuple[int, int]:
    """(height, width) of a JPEG XL file.

    Raises:
        BadStream: the header cannot be read, or is of a kind that ripguard does not write: more than 8 bits per sample,
            extra channels, an animation, a preview, an orientation, a recompressed JPEG.
    """
    try:
        head = jpeg_xl.head(data)
    except ValueError as error:
        raise BadStream(str(error)) from None
    if head.turned or head.moving or head.floats or head.bits != 8 or head.extra or head.recompressed:
        raise BadStream("a jxl image of a kind that ripguard does not write")
    return head.height, head.width
