"""The gate through which all decoders are called: limits before a pixel is decoded, and clear errors after."""

from __future__ import annotations

import contextlib
import io
import logging
import threading
import warnings
from collections.abc import Iterator

from PIL import Image

from ripguard.errors import InputRefused, RipguardError, StorageError
from ripguard.images.limits import FORMATS, MAX_READS, RAISE, CountedBytes, TooManyPieces, max_pieces, max_pixels
from ripguard.images.refusals import check_size, check_structure
from ripguard.panics import is_panic

_LOCK = threading.Lock()
_INSIDE: list[int | None] = []  # for each open gate, Pillow's limit when it was opened
_THREAD = threading.local()  # ``held``: whether this thread is inside of :func:`held`


@contextlib.contextmanager
def opened(
    data: bytes, what: str, formats: tuple[str, ...] = FORMATS, expected: tuple[int, ...] | None = None
) -> Iterator[Image.Image]:
    """Open an image file whose header was read and whose structure is within the limits of this package.

    One cost is not limited: that of an AVIF codestream larger than its file states (:mod:`ripguard.images.boxes`).

    Errors of the decoder inside the ``with`` block become :class:`InputRefused`.

    Args:
        what: name for messages.
        formats: allowed formats, by Pillow's names.
        expected: required height and width.

    Raises:
        InputRefused: unreadable, or too large.
        StorageError: no memory.
    """
    with guarded(what, ", ".join(formats)), _settings():
        check_structure(data, what, expected)
        with Image.open(counted(data), formats=formats) as image:
            check_size(image.width, image.height, what, expected)
            yield image


@contextlib.contextmanager
def guarded(what: str, kind: str) -> Iterator[None]:
    """Context manager around a decoder: its errors of any type become :class:`InputRefused` or :class:`StorageError`.

    Args:
        what: name for messages.
        kind: the format, for messages.
    """
    try:
        if getattr(_THREAD, "held", False):
            yield
        else:
            with _no_warnings():
                yield
    except RipguardError:
        raise
    except MemoryError:
        raise StorageError(f"out of memory while reading {what}", "try again with fewer --workers") from None
    except Image.DecompressionBombError:
        raise InputRefused(f"{what}: more than {max_pixels():,} pixels", RAISE) from None
    except TooManyPieces:
        raise InputRefused(f"{what}: too many chunks or segments", "save a copy with an image editor") from None
    except BaseException as error:  # decoders raise errors of many types on damaged files
        if not isinstance(error, Exception) and not is_panic(error):
            raise
        raise InputRefused(f"{what}: not a readable {kind} image", "is the file whole?") from None


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Context manager around the decoding of many images: what a gate sets in the process is set once for them.

    Every image still passes its own gate, with all limits.
    """
    if getattr(_THREAD, "held", False):
        yield
        return
    with _no_warnings(), _settings():
        _THREAD.held = True
        try:
            yield
        finally:
            _THREAD.held = False


@contextlib.contextmanager
def _no_warnings() -> Iterator[None]:
    """Context manager: no warnings on damaged files and large images; the checks report what matters."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _settings() -> Iterator[None]:
    """Context manager: Pillow's own limit of pixels, and its log."""
    if getattr(_THREAD, "held", False):
        yield
        return
    with _pillow_limit(), quiet("PIL.TiffImagePlugin"):
        yield


@contextlib.contextmanager
def quiet(library: str) -> Iterator[None]:
    """Context manager: a library logs nothing about damaged files."""
    logger = logging.getLogger(library)
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def counted(data: bytes) -> io.BytesIO:
    """The file as an object that limits a decoder's reads."""
    if len(data) <= MAX_READS:
        return io.BytesIO(data)  # cannot exceed MAX_READS
    file = CountedBytes(data)
    file.reads = max_pieces(MAX_READS)
    return file


@contextlib.contextmanager
def _pillow_limit() -> Iterator[None]:
    """Pillow's own limit of pixels does not refuse what this package allows."""
    with _LOCK:
        _INSIDE.append(Image.MAX_IMAGE_PIXELS)
        if Image.MAX_IMAGE_PIXELS is not None:
            Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, max_pixels())
    try:
        yield
    finally:
        with _LOCK:
            if len(_INSIDE) == 1:
                Image.MAX_IMAGE_PIXELS = _INSIDE[0]
            _INSIDE.pop()
