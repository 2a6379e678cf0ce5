"""Reading image files from disk and from callables: regular files only, of bounded size, and errors for users."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

from ripguard.errors import InputRefused, RipguardError, StorageError
from ripguard.files import NotRegular, TooLarge, open_regular
from ripguard.images.formats import START, recognized
from ripguard.images.refusals import check_beginning

AT_ONCE = 1 << 16  # bytes that are read before the beginning of a file is checked


def read_file(path: str | Path, what: str | None = None, follow: bool = True, source: bool = False) -> bytes:
    """Read an image file. A file that does not begin like an image is refused without reading the rest.

    Args:
        what: name for messages.
        follow: whether the path may be a symbolic link.
        source: accept every format that can be rendered, not only those that :func:`read_image` reads.

    Raises:
        InputRefused: missing, not a regular file, of an unknown format, or too large.
        StorageError: reading failed.
    """
    what = what or str(path)
    try:
        with open(open_regular(path, follow=follow), "rb", 0) as file:  # unbuffered: most files are small
            size = os.fstat(file.fileno()).st_size
            data = file.read(min(size, AT_ONCE) + 1)
            _check(data[: START if source else 16], size, what, source)
            if len(data) < size:
                data += _rest(file, size - len(data) + 1)
    except (OSError, MemoryError) as error:
        raise cannot_read(error, what, source) from None
    if len(data) > size:
        raise InputRefused(f"{what}: it grew while it was read", "wait until it is completely written")
    return data


def _rest(file: io.FileIO, most: int) -> bytes:
    """Up to ``most`` bytes of an unbuffered file, which may give fewer at once."""
    pieces = list[bytes]()
    while most > 0 and (piece := file.read(most)):
        pieces.append(piece)
        most -= len(piece)
    return b"".join(pieces)


def read_by(reader: Callable[[], bytes], what: str) -> bytes:
    """Bytes of a source's image file from a callable. Raises as :func:`read_file`, whatever the callable raises."""
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
    recognized(data, what)
    return data


def cannot_read(error: OSError | MemoryError, what: str, source: bool = False) -> RipguardError:
    """Convert a system error on reading a file: :class:`InputRefused` for wrong input, else :class:`StorageError`.

    Args:
        source: whether it is a source file: all of those without permission are named in one message.
    """
    if isinstance(error, NotRegular):
        return InputRefused(f"{what}: {error.strerror}", "replace it by a copy of the file")
    if isinstance(error, FileNotFoundError | NotADirectoryError | TooLarge):
        return InputRefused(f"{what}: cannot be read: {error.strerror}")
    if isinstance(error, MemoryError):
        return StorageError(f"out of memory while reading {what}", "try again with fewer --workers")
    if source and isinstance(error, PermissionError):
        return InputRefused(f"{what}: cannot be read: {error.strerror}", "change its permissions")
    return StorageError(f"{what}: cannot be read: {error.strerror or error}", "fix that and repeat the command")


def _check(start: bytes, size: int, what: str, source: bool) -> None:
    if source:
        recognized(start, what, size)
    else:
        check_beginning(start, size, what)
