"""Limits for image files, and file objects that enforce them on decoders."""

from __future__ import annotations

import contextlib
import io
import math
import os
from collections.abc import Iterator

from ripguard.errors import UsageError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM")
SUFFIXES = frozenset(
    {
        ".png",
        ".apng",
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".mpo",
        ".webp",
        ".gif",
        ".bmp",
        ".dib",
        ".tif",
        ".tiff",
        ".tga",
    }
    | {".ppm", ".pgm", ".pbm", ".pnm", ".pam", ".pfm", ".jp2", ".j2k", ".jpx", ".j2c", ".jxl", ".avif"}
    | {".heic", ".heif", ".hif", ".npy", ".dcm"}
)
REFUSED_SUFFIXES = frozenset({".ico", ".eps", ".psd"})
DEFAULT_PIXELS, VARIABLE = 50_000_000, "RIPGUARD_MAX_PIXELS"
MOST_PIXELS = 1 << 31  # as an option; decoders count in 32 bits
BYTES_PER_PIXEL = 12  # an image of max_pixels() is smaller in every format, decimal numbers included
RAISE = "raise the limit with --max-pixels, or scale a copy"
MAX_SCANS = 100  # of a JPEG; encoders write about ten, and each takes a pass over all pixels
MAX_PROFILES = 64  # EXIF segments of a JPEG, joined one by one; color profiles of a PNG, each decompressed
MAX_READS = 500_000  # reads by a decoder; a PNG of 200 MB takes 100,000
MAX_COMMENTS = 1_000  # of a PNM in decimal numbers; Pillow copies a block for each
MAX_STRIPS = 200_000  # or tiles of a TIFF; the number of 16×16 tiles in DEFAULT_PIXELS
MAX_RUN_LENGTH = 4_000_000  # pixels of a run-length coded BMP, which Pillow decodes one by one
HEADER_READS, HEADER_BYTES = 100_000, 1 << 24  # the header must state the image size within these
NPY = b"\x93NUMPY"
TIFFS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
STARTS = (
    NPY,
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8",
    b"RIFF",
    b"BM",
    *TIFFS,
    *(b"P%d" % n for n in range(1, 8)),
    b"Pf",
    b"PF",
)
PNG_END = b"IEND\xaeB`\x82"
ORIENTATION = 274  # EXIF tag
SAMPLES_PER_PIXEL, SAMPLE_FORMAT, UNSIGNED = 277, 339, 1  # TIFF tags
STRIPS = (273, 324)  # TIFF tags: offsets of strips and tiles
RUN_LENGTH = (1, 2)  # compression codes of a BMP; in other formats the value is not a number


def max_pixels() -> int:
    """Most pixels of an image: the environment variable ``RIPGUARD_MAX_PIXELS``, or 50 million.

    Raises:
        UsageError: the variable is not a number from 1 to 2³¹.
    """
    value = os.environ.get(VARIABLE, "")
    return _checked(value, VARIABLE) if value else DEFAULT_PIXELS


def max_bytes() -> int:
    """Most bytes of an image file."""
    return BYTES_PER_PIXEL * max_pixels()


def max_pieces(count: int) -> int:
    """A limit for images of 50 million pixels, in proportion to :func:`max_pixels`."""
    return max(count, count * max_pixels() // DEFAULT_PIXELS)


@contextlib.contextmanager
def allowing(pixels: int | None) -> Iterator[None]:
    """Context manager: images of up to so many pixels are accepted, in this process and in those that it starts.

    Args:
        pixels: 1 to 2³¹; None: the limit stays as it is.

    Raises:
        UsageError: another number.
    """
    if pixels is None:
        yield
        return
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(_checked(str(pixels), "--max-pixels"))
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


def _checked(value: str, name: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 20 and 1 <= int(value) <= MOST_PIXELS):
        raise UsageError(f"{name}: expected a number of pixels from 1 to {MOST_PIXELS:,}, got {value}")
    return int(value)


class TooManyPieces(Exception):
    """A decoder read more than any image needs."""


class _Counted:
    """Mixin that limits the number of reads (:class:`TooManyPieces`) and of bytes (end of file)."""

    reads, left = MAX_READS, math.inf

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads -= 1
        if self.reads < 0:
            raise TooManyPieces
        if self.left < math.inf:
            size = int(self.left) if size is None or size < 0 else min(size, int(self.left))
        data: bytes = super().read(size)  # type: ignore[misc]
        self.left -= len(data)
        return data


class CountedBytes(_Counted, io.BytesIO):
    pass


class FileStart(_Counted, io.BufferedReader):
    """The first bytes of an open file."""

    reads, left = HEADER_READS, HEADER_BYTES


class BytesStart(_Counted, io.BytesIO):
    """The first bytes of a bytes object."""

    reads, left = HEADER_READS, HEADER_BYTES
