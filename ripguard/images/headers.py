"""Sizes of images according to the first bytes of their files; no pixels are decoded."""

from __future__ import annotations

import io
import math
import warnings
from pathlib import Path

from PIL import Image

from ripguard.errors import InputRefused, RipguardError
from ripguard.files import open_regular
from ripguard.images import arrays, boxes, dicom, jpeg_2000, jpeg_xl, netpbm, tiff
from ripguard.images.formats import START, decoders, format_of
from ripguard.images.limits import HEADER_BYTES, BytesStart, FileStart
from ripguard.images.reading import cannot_read
from ripguard.images.refusals import webp_size


def size_of_image(source: str | Path | bytes, name: str | None = None) -> tuple[int, int]:
    """(width, height) from an image file's header, which an EXIF orientation does not exchange.

    Raises:
        InputRefused: unreadable, or not an image.
        StorageError: reading failed.
    """
    return _claims(source, name or ("image" if isinstance(source, bytes) else str(source)))[:2]


def samples_claimed(source: str | Path | bytes) -> int:
    """Number of samples according to an image file's header; 0 if the header cannot be read."""
    try:
        return math.prod(_claims(source, ""))
    except RipguardError:  # reading the file will raise the error
        return 0


def _claims(source: str | Path | bytes, what: str) -> tuple[int, int, int]:
    """(width, height, channels). Raises as :func:`size_of_image`."""
    try:
        with _beginning(source) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            start = file.read(START)
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            kind = format_of(start, what if isinstance(source, bytes) else str(source), size)
            if kind and (found := _size(kind, start, file)) and min(found) > 0:
                return found
    except (OSError, MemoryError) as error:
        if isinstance(error, MemoryError) or error.errno is not None:  # without errno, it is Pillow's
            raise cannot_read(error, what) from None
    except Exception:  # decoders raise errors of many types on damaged files
        start = b""
    raise InputRefused(f"{what}: not a readable image", "is the file whole, and of a supported format?")


def _size(kind: str, start: bytes, file: FileStart | BytesStart) -> tuple[int, int, int] | None:
    """(width, height, channels) of a file of a known format."""
    if kind == "NPY":
        shape, _, _ = arrays.header(file)
        return (shape[1], shape[0], (*shape, 1)[2]) if len(shape) in (2, 3) else None
    if size := webp_size(start):
        return *size, 3
    if start.startswith(netpbm.STARTS):
        return netpbm.size(file.read(netpbm.MAX_HEADER))
    if kind == "DICOM":
        return dicom.size(file.read(HEADER_BYTES))
    if kind == "JPEG XL":
        head = jpeg_xl.head(file.read(boxes.HEAD))
        return head.width, head.height, 3 + head.extra
    if kind == "TIFF":
        page = tiff.page(file)
        return page.width, page.height, page.samples
    if kind in ("AVIF", "HEIC"):
        return *boxes.size(file.read(boxes.HEAD)), 3
    if kind == "JPEG 2000":
        one = jpeg_2000.heads(file.read(boxes.HEAD))[0]
        return one.width, one.height, len(one.bits)
    with Image.open(file, formats=decoders(kind, "")) as image:
        return image.width, image.height, len(image.getbands())


def _beginning(source: str | Path | bytes) -> FileStart | BytesStart:
    if isinstance(source, bytes):
        return BytesStart(source)
    return FileStart(io.FileIO(open_regular(source, follow=True)))
