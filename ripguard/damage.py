"""What happened to a damaged file, as far as its first bytes show it.

Programs that carry files replace them by pointers or web pages, convert line ends, compress them, or stop midway.
The causes are told apart only for messages: whether a file is intact is decided elsewhere.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from ripguard.errors import InputRefused
from ripguard.files import LFS_HINT, LFS_START, open_regular

SNIFFED = 1 << 12  # bytes
FRESH = "get a fresh copy of it"
AS_BINARY = "get a fresh copy, sent as binary: git with '* -text' in .gitattributes, FTP in binary mode"
CUT = "a copy or download stopped: get a fresh copy of it"
ANNEX_START = b"/annex/objects/"
PAGE = re.compile(
    rb"\s*(<!--.*?-->\s*)?(<!doctype html|<html|<head|<\?xml[^>]*>\s*(<!doctype html|<html|<error))", re.I | re.S
)
# the signature of a PNG file is made to show it: \x89PNG \r\n \x1a \n
PNG_LINE_ENDS = re.compile(rb"\x89PNG(?!\r\n\x1a\n\0)[\r\n]{1,4}\x1a[\r\n]{1,4}\0")
CONTAINER_LINE_ENDS = re.compile(rb"ripguard/v\d+(\r+\n|\r)")
AS_TEXT = (b"\xef\xbf\xbdPNG", b"\xc2\x89PNG", b"?PNG\r\n", b"?PNG\n")  # \x89 is no character
UTF8_MARK = b"\xef\xbf\xbd"  # in the place of bytes that are no text
ARCHIVES = (b"PK\3\4", b"PK\5\6", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"\x28\xb5\x2f\xfd")
TAR, TAR_AT = b"ustar", 257


class Altered(InputRefused):
    """A file is refused, and what happened to it is known. The message is ``name: what happened``."""


def what_happened(start: bytes) -> tuple[str, str] | None:
    """(what happened, what helps) of a damaged image or container; None if the first bytes do not show it.

    Args:
        start: the first :data:`SNIFFED` bytes of the file.
    """
    if not start:
        return "the file is empty", CUT
    if not start.strip(b"\0"):
        return "the file begins with zero bytes", CUT
    if start.startswith(LFS_START):
        return "only a pointer to the file is there", LFS_HINT
    if start.startswith(ANNEX_START):
        return "only a pointer to the file is there", "it is a git-annex pointer: git annex get fetches the file"
    if PAGE.match(start):
        return (
            "a web page is in its place",
            "the download failed: sign in, or use another address, and get a fresh copy",
        )
    if PNG_LINE_ENDS.match(start) or CONTAINER_LINE_ENDS.match(start):
        return "its line ends were converted", AS_BINARY
    if start.startswith(AS_TEXT):
        return "it was converted as if it were text", AS_BINARY
    if is_archive(start):
        return "the file is compressed or packed", "unpack it"
    return was_text(start)


def was_text(data: bytes) -> tuple[str, str] | None:
    """As :func:`what_happened`, for any bytes of a binary file: whether they were converted as text."""
    converted = data.count(UTF8_MARK) > 2  # by chance once in millions of files
    return ("it was converted as if it were text", AS_BINARY) if converted else None


def is_archive(start: bytes) -> bool:
    """Whether the first bytes are those of a zip, tar, 7z or rar archive, or of a compressed file."""
    return start.startswith(ARCHIVES) or start[TAR_AT : TAR_AT + len(TAR)] == TAR


def first_bytes(path: Path) -> bytes | None:
    """The first :data:`SNIFFED` bytes of a regular file; None if it cannot be read. Links are not followed."""
    return _bytes_at(path, 0)


def last_bytes(path: Path) -> bytes | None:
    """The last :data:`SNIFFED` bytes of a regular file, as :func:`first_bytes`."""
    return _bytes_at(path, -SNIFFED)


def _bytes_at(path: Path, offset: int) -> bytes | None:
    try:
        with open(open_regular(path), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size + offset) if offset < 0 else offset)
            return file.read(SNIFFED)
    except OSError:
        return None


def explained(refusal: InputRefused, what: str, start: bytes | None) -> InputRefused:
    """The refusal of a file with what happened to it, if its first bytes show that; otherwise the refusal.

    Args:
        what: name of the file in messages.
        start: its first bytes, None if they cannot be read.
    """
    if isinstance(refusal, Altered) or start is None or (found := what_happened(start)) is None:
        return refusal
    return Altered(f"{what}: {found[0]}", found[1])
