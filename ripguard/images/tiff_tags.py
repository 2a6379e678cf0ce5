"""Tags of a TIFF file that its pixels do not need, and where the last of its parts ends."""

from __future__ import annotations

import struct

import numpy as np

from ripguard.images.chunks import OTHER
from ripguard.images.limits import MAX_STRIPS, max_pieces

# TIFF 6.0, and the tags of compressions: what describes the samples, and the resolution
NEEDED = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 274, 277, 278, 279, 280, 281, 282, 283, 284, 292, 293}
    | {296, 317, 320, 322, 323, 324, 325, 330, 332, 334, 338, 339, 347, *range(512, 522), 529, 530, 531, 532}
)
COUNTED = {
    34675: "ICC profile", 700: "XMP", 33723: "IPTC", 34377: "IPTC", 34665: "EXIF", 34853: "EXIF", 301: "gamma",
    318: "gamma", 319: "gamma",
} | dict.fromkeys((269, 270, 271, 272, 285, 305, 306, 315, 316, 33432), "text")  # fmt: skip
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
NUMBERS = {3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
PARTS = ((273, 279), (324, 325), (513, 514))  # offsets and lengths: strips, tiles, JPEG
DIRECTORIES, PAGES = (34665, 34853, 40965), 330
NAMING = frozenset({*DIRECTORIES, *(tag for pair in PARTS for tag in pair)})
DEPTH = 3  # of directories in directories
MOST = 4096  # tags of a directory


def kinds(data: bytes) -> tuple[set[str], int]:
    """Kinds of metadata in the first directory, and where the last part of the image ends.

    The end is the length of the file where there are several pages.
    """
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    first = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]
    tags, end, more = _directory(data, order, big, first, DEPTH)
    found = {COUNTED.get(tag, OTHER) for tag in tags if tag not in NEEDED}
    return found, len(data) if more or PAGES in tags else end


def _directory(data: bytes, order: str, big: bool, at: int, depth: int) -> tuple[set[int], int, bool]:
    """Tags of a directory, the end of what it names, and whether another one follows."""
    entry, head = (order + "HHQQ", 8) if big else (order + "HHII", 2)
    step, inline = struct.calcsize(entry), 8 if big else 4
    count = struct.unpack_from(order + ("Q" if big else "H"), data, at)[0] if at + head <= len(data) else 0
    tags, values, end = set[int](), dict[int, np.ndarray](), at + head + count * step + inline
    for place in range(at + head, at + head + min(count, MOST) * step, step):
        if place + step > len(data):
            break
        tag, kind, number, value = struct.unpack_from(entry, data, place)
        size = SIZES.get(kind, 1) * number
        start = value if size > inline else place + step - inline
        tags.add(tag)
        if start + size > len(data):
            continue
        end = max(end, start + size)
        if kind in NUMBERS and tag in NAMING and tag not in values and number <= max_pieces(MAX_STRIPS):
            # float64 is exact to 2⁵³ and does not overflow
            values[tag] = np.frombuffer(data, order + NUMBERS[kind], number, start).astype(np.float64)
    for offsets, lengths in PARTS:
        if offsets in values and lengths in values and len(values[offsets]) == len(values[lengths]) > 0:
            end = max(end, int((values[offsets] + values[lengths]).max()))
    for tag in DIRECTORIES:
        if depth and tag in values and len(values[tag]) == 1 and 8 <= values[tag][0] < len(data):
            end = max(end, _directory(data, order, big, int(values[tag][0]), depth - 1)[1])
    behind = data[at + head + count * step :][:inline]
    return tags, end, any(behind)
