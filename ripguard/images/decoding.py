"""Decoding of image files to uint8 arrays: exact, or refused.

Accepted: 8-bit RGB and 8-bit grayscale, one frame, in a lossless or lossy still format (for a JPEG, "exact" refers to
its decoded pixels), and uint8 arrays in .npy files. Everything else is refused first. Pillow silently opens some files
inexactly, for example a 16-bit RGB PNG as 8-bit, so the file header is checked as well.

Files are untrusted. Decoders are called only in :func:`opened`. It limits, before any pixel is decoded: bytes
(:data:`MAX_BYTES`), pixels (:data:`MAX_PIXELS`) and reads (:data:`MAX_READS`, for chunks, segments, fill bytes); scans
and EXIF segments of a JPEG; color profiles of a PNG; comments of a PNM; strips of a TIFF, of which only the second
frame is searched for; pixels of a run-length coded BMP. Decoding then takes time proportional to bytes and pixels.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from ripguard.errors import InputRefused, RipguardError, StorageError
from ripguard.files import NotRegular, TooLarge, open_regular
from ripguard.images.limits import (
    FORMATS,
    MAX_PIXELS,
    MAX_READS,
    NPY,
    STARTS,
    BytesStart,
    CountedBytes,
    FileStart,
    TooManyPieces,
)
from ripguard.images.refusals import check_beginning, check_header, check_loaded, check_size, check_structure, webp_size
from ripguard.panics import is_panic


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
        return _read_npy(data, what, expected)
    with opened(data, what, expected=expected) as image:
        check_header(image, data, what)
        image.load()
        check_loaded(image, what)
        array = np.asarray(image)
    if array.dtype != np.uint8:
        raise InputRefused(f"{what}: expected 8 bits per sample, got {array.dtype}")
    return np.ascontiguousarray(array if array.ndim == 3 else array[:, :, None])


@contextlib.contextmanager
def opened(
    data: bytes, what: str, formats: tuple[str, ...] = FORMATS, expected: tuple[int, ...] | None = None
) -> Iterator[Image.Image]:
    """Open an image file whose header was read and whose structure is within the limits of this module.

    Errors of the decoder inside the ``with`` block become :class:`InputRefused`.

    Args:
        what: name for messages.
        formats: allowed formats, by Pillow's names.
        expected: required height and width.

    Raises:
        InputRefused, StorageError: as :func:`read_image`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on damaged files and large images; the checks below report what matters
            check_structure(data, what, expected)
            file = (
                CountedBytes(data) if len(data) > MAX_READS else io.BytesIO(data)
            )  # smaller files cannot exceed MAX_READS
            with Image.open(file, formats=formats) as image:
                check_size(image.width, image.height, what, expected)
                yield image
    except RipguardError:
        raise
    except MemoryError:
        raise StorageError(f"out of memory while reading {what}", "try again with fewer --workers") from None
    except Image.DecompressionBombError:
        raise InputRefused(f"{what}: more than {MAX_PIXELS:,} pixels", "scale or split a copy") from None
    except TooManyPieces:
        raise InputRefused(f"{what}: too many chunks or segments", "save a copy with an image editor") from None
    except BaseException as error:  # decoders raise errors of many types on damaged files
        if not isinstance(error, Exception) and not is_panic(error):
            raise
        raise InputRefused(f"{what}: not a readable {', '.join(formats)} image", "is the file whole?") from None


def read_file(path: str | Path, what: str | None = None, follow: bool = True) -> bytes:
    """Read an image file. A file that does not begin like an image is refused without reading the rest.

    Args:
        what: name for messages.
        follow: whether the path may be a symbolic link.

    Raises:
        InputRefused: missing, not a regular file, of an unknown format, or too large.
        StorageError: reading failed.
    """
    what = what or str(path)
    try:
        with open(open_regular(path, follow=follow), "rb") as file:
            size, start = os.fstat(file.fileno()).st_size, file.read(16)
            check_beginning(start, size, what)
            data = start + file.read(max(0, size - len(start)) + 1)
    except (OSError, MemoryError) as error:
        raise cannot_read(error, what) from None
    if len(data) > size:
        raise InputRefused(f"{what}: it grew while it was read", "wait until it is completely written")
    return data


def read_by(reader: Callable[[], bytes], what: str) -> bytes:
    """Bytes of an image file from a callable. Raises as :func:`read_file`, whatever the callable raises."""
    try:
        data = reader()
    except RipguardError:
        raise
    except (OSError, MemoryError) as error:
        raise cannot_read(error, what) from None
    except Exception as error:  # code of the caller
        raise InputRefused(f"{what}: cannot be read: {type(error).__name__}: {error}") from error
    if not isinstance(data, bytes):
        raise InputRefused(f"{what}: expected bytes, got {type(data).__name__}")
    check_beginning(data, len(data), what)
    return data


def cannot_read(error: OSError | MemoryError, what: str) -> RipguardError:
    """Convert a system error on reading a file: :class:`InputRefused` for wrong input, else :class:`StorageError`."""
    if isinstance(error, NotRegular):
        return InputRefused(f"{what}: {error.strerror}", "replace it by a copy of the file")
    if isinstance(error, FileNotFoundError | NotADirectoryError | TooLarge):
        return InputRefused(f"{what}: cannot be read: {error.strerror}")
    if isinstance(error, MemoryError):
        return StorageError(f"out of memory while reading {what}", "try again with fewer --workers")
    return StorageError(f"{what}: cannot be read: {error.strerror or error}", "fix that and repeat the command")


def size_of_image(source: str | Path | bytes, name: str | None = None) -> tuple[int, int]:
    """(width, height) from an image file's header; no pixels are decoded. Raises as :func:`read_image`."""
    return _claims(source, name or ("image" if isinstance(source, bytes) else str(source)))[:2]


def samples_claimed(source: str | Path | bytes) -> int:
    """Number of samples according to an image file's header; 0 if the header cannot be read."""
    try:
        return math.prod(_claims(source, ""))
    except RipguardError:  # reading the file will raise the error
        return 0


def _claims(source: str | Path | bytes, what: str) -> tuple[int, int, int]:
    """(width, height, channels) according to a file's first bytes. Raises as :func:`read_image`."""
    try:
        with _beginning(source) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            start = file.read(32)
            file.seek(0)
            if start.startswith(NPY):
                shape, _, _ = _npy_header(file)
                if len(shape) in (2, 3):
                    return shape[1], shape[0], (*shape, 1)[2]
            elif size := webp_size(start):
                return *size, 3
            elif start.startswith(STARTS):
                with Image.open(file, formats=FORMATS) as image:
                    return image.width, image.height, len(image.getbands())
    except (OSError, MemoryError) as error:
        if isinstance(error, MemoryError) or error.errno is not None:  # without errno, it is Pillow's
            raise cannot_read(error, what) from None
    except Exception:  # as in `opened`
        start = b""
    raise InputRefused(f"{what}: not a readable {', '.join(FORMATS)} image", "is the file whole?")


def _beginning(source: str | Path | bytes) -> FileStart | BytesStart:
    if isinstance(source, bytes):
        return BytesStart(source)
    return FileStart(io.FileIO(open_regular(source, follow=True)))


def _npy_header(file: io.BufferedIOBase) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether in Fortran order, and dtype of an array; the file position is then at its values."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, columns_first, kind = read(file)
    if any(type(side) is not int for side in shape):  # NumPy accepts True here, and fails later
        raise ValueError("shape")
    return shape, columns_first, kind


def _read_npy(data: bytes, what: str, expected: tuple[int, ...] | None) -> np.ndarray:
    """Image of an .npy file, uint8 ``[height, width]`` or ``[height, width, 1 or 3]``; nothing is unpickled."""
    try:
        file = io.BytesIO(data)
        shape, columns_first, kind = _npy_header(file)
    except Exception:  # as above
        raise InputRefused(f"{what}: not a readable .npy array", "is the file whole?") from None
    if kind != np.uint8 or len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (1, 3)):
        found = f"{kind} {list(shape)}"
        raise InputRefused(f"{what}: expected uint8 [height, width] or [height, width, 1 or 3], got {found}")
    if not 0 < shape[0] * shape[1] <= MAX_PIXELS or shape[0] < 0:
        raise InputRefused(f"{what}: expected 1 to {MAX_PIXELS:,} pixels, got {shape[1]}×{shape[0]}")
    check_size(shape[1], shape[0], what, expected)
    if len(data) - file.tell() < math.prod(shape):
        raise InputRefused(f"{what}: not a readable .npy array", "is the file whole?")
    values = np.frombuffer(data, np.uint8, math.prod(shape), file.tell())
    array = values.reshape(shape, order="F" if columns_first else "C")
    return np.ascontiguousarray(array if array.ndim == 3 else array[:, :, None])


def file_suffix(data: bytes) -> str:
    """The usual suffix of an image file's format: ``.jpg``, ``.png`` … Raises as :func:`read_image`."""
    if data.startswith(NPY):
        return ".npy"
    with opened(data, "image") as image:
        return {"JPEG": ".jpg", "TIFF": ".tif"}.get(str(image.format), f".{str(image.format).lower()}")


def metadata(data: bytes) -> tuple[str, ...]:
    """Kinds of metadata in an image file, of ``EXIF, ICC profile, gamma, text, XMP, IPTC``."""
    if data.startswith(NPY):
        return ()
    with opened(data, "image") as image:
        info = image.info
        found = {
            "EXIF": bool(image.getexif())
            and image.format != "TIFF",  # in a TIFF, these are the tags of the format itself
            "ICC profile": "icc_profile" in info,
            "gamma": bool({"gamma", "chromaticity", "srgb"} & set(info)) or bool(re.search(b"cICP", data[:4096])),
            "text": bool(getattr(image, "text", None)) or "comment" in info,
            "XMP": "xmp" in info,
            "IPTC": "photoshop" in info,
        }
    return tuple(name for name, there in found.items() if there)
