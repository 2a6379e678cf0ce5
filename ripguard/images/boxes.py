"""Sizes and depths from the boxes of AVIF and HEIC files, before a decoder sees them.

ISO/IEC 23008-12: each item has its size in a box ``ispe``; ``clap`` crops an image, ``irot`` turns it by quarters. The
decoders' own configuration boxes are ``av1C`` (AV1) and ``hvcC`` (HEVC). Boxes are searched by name, so that every one
is found.

The codestream has a size of its own, which is not read here. libheif refused a larger one than stated (HEIC, 8200×8000
behind 48×40). libavif decoded it (AVIF, the same sizes: 0.5 s, 140 MiB): there, only the default limit of libavif,
16,384×16,384 pixels by its header file, bounds the cost.
"""

from __future__ import annotations

import re
import struct

from ripguard.errors import InputRefused
from ripguard.images.limits import MAX_PROFILES

MAX_ITEMS = 1_000  # images, tiles and thumbnails of a file
HEAD = 1 << 20  # bytes that hold the boxes of ordinary files


def sizes(data: bytes) -> list[tuple[int, int]]:
    """(width, height) of every item."""
    found = []
    for one in re.finditer(b"\0\0\0\x14ispe", data):
        if one.end() + 12 <= len(data):
            found.append(struct.unpack_from(">II", data, one.end() + 4))
    return found


def size(data: bytes) -> tuple[int, int]:
    """(width, height) of the largest item, upright. Raises :class:`ValueError` if there is none."""
    width, height = max(sizes(data), key=lambda one: one[0] * one[1])
    if (at := data.find(b"\0\0\0\x28clap")) >= 0 and at + 24 <= len(data):
        across, by, down, divided = struct.unpack_from(">4I", data, at + 8)
        width, height = min(width, across // max(by, 1)), min(height, down // max(divided, 1))
    at = data.find(b"irot")
    return (height, width) if at >= 0 and data[at + 4 : at + 5] in (b"\1", b"\3") else (width, height)


def check(data: bytes, what: str) -> None:
    """Refuse a file with too many items, or without sizes. The caller checks the sizes."""
    found = sizes(data)
    if not found:
        raise InputRefused(f"{what}: not a readable image", "is the file whole, and of a supported format?")
    if len(found) > MAX_ITEMS or data.count(b"colr") > MAX_ITEMS + MAX_PROFILES:
        raise InputRefused(f"{what}: too many chunks or segments", "save a copy with an image editor")


def bits(data: bytes) -> int:
    """Bits per sample of the image, 8 if no decoder configuration is found."""
    if (at := data.find(b"av1C")) >= 0 and at + 7 <= len(data):
        flags = data[at + 6]
        return 12 if flags & 0x20 and flags & 0x40 else 10 if flags & 0x40 else 8
    if (at := data.find(b"hvcC")) >= 0 and at + 22 <= len(data):
        return 8 + (data[at + 4 + 17] & 7)
    return 8
