"""Limits for image files, and file objects that enforce them on decoders."""

from __future__ import annotations

import io
import math

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".pnm", ".npy"})
REFUSED_SUFFIXES = frozenset({".gif", ".apng", ".ico", ".jp2", ".jxl", ".avif", ".heic", ".eps", ".psd", ".tga"})
MAX_PIXELS = 50_000_000
MAX_BYTES = 12 * MAX_PIXELS  # an image of MAX_PIXELS is smaller in every format, decimal numbers included
MAX_SCANS = 100  # of a JPEG; encoders write about ten, and each takes a pass over all pixels
MAX_PROFILES = 64  # EXIF segments of a JPEG, joined one by one; color profiles of a PNG, each decompressed
MAX_READS = 500_000  # reads by a decoder; a PNG of 200 MB takes 100,000
MAX_COMMENTS = 1_000  # of a PNM in decimal numbers; Pillow copies a block for each
MAX_STRIPS = 200_000  # or tiles of a TIFF; the number of 16×16 tiles in MAX_PIXELS
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
