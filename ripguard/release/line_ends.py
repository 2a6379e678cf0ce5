"""Undo changed line ends of a text: git and FTP change them, and the digest in the release shows the right ones."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ripguard.files import read_regular

LINE_ENDS = "its line ends were changed"
MOST_TEXT = 1 << 28  # bytes of a text whose line ends are tried
ENDS = (b"\n", b"\r\n", b"\r")


def text_as_published(path: Path, digest: str) -> bytes | None:
    """The published bytes of a text whose line ends alone were changed; None for every other text.

    Args:
        path: the file.
        digest: hex SHA-256 of the published bytes, in which all lines end alike.
    """
    try:
        found = read_regular(path, MOST_TEXT)
    except OSError:
        return None
    plain = found.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for end in ENDS:
        data = plain.replace(b"\n", end)
        if data != found and hashlib.sha256(data).hexdigest() == digest:
            return data
    return None
