"""The size of a JPEG XL image, from its first bytes. The decoder allocates all pixels before it reports the size.

ISO/IEC 18181-1: the codestream begins with ``FF 0A``, then SizeHeader and ImageMetadata, lowest bit of each byte first.
18181-2: in a container, the codestream is in a box ``jxlc``, or in parts in boxes ``jxlp``.
"""

from __future__ import annotations

import struct

from ripguard.codecs.bounded import BadStream

CODESTREAM = b"\xff\x0a"
CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
BOXES = 100  # most boxes to read
ENOUGH = 32  # bytes of the codestream that contain these fields
SIDES = (9, 13, 18, 30)  # bits that a side can have
RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # width to height


class _Bits:
    def __init__(self, data: bytes) -> None:
        self.value, self.left = int.from_bytes(data, "little"), 8 * len(data)

    def __call__(self, count: int) -> int:
        if count > self.left:
            raise BadStream("the jxl header is truncated")
        found = self.value & (1 << count) - 1
        self.value, self.left = self.value >> count, self.left - count
        return found


def size(data: bytes) -> tuple[int, int]:
    """(height, width) of a JPEG XL file.

    Raises:
        BadStream: the header cannot be read, or is of a kind that ripguard does not write: more than 8 bits per sample,
            extra channels, an animation, a preview, an orientation, a recompressed JPEG.
    """
    bits = _Bits(_codestream(data)[len(CODESTREAM) :])
    small = bits(1)

    def side() -> int:
        return 8 * (bits(5) + 1) if small else bits(SIDES[bits(2)]) + 1

    height, ratio = side(), bits(3)
    width = side() if ratio == 0 else height * RATIOS[ratio - 1][0] // RATIOS[ratio - 1][1]
    if not bits(1):  # 1: all metadata have default values
        turned_or_moving, floats, depth, _, more_channels = (bits(count) for count in (1, 1, 2, 1, 2))
        if turned_or_moving or floats or depth or more_channels:
            raise BadStream("a jxl image of a kind that ripguard does not write")
    return height, width


def _codestream(data: bytes) -> bytes:
    """The first bytes of the codestream."""
    if data.startswith(CODESTREAM):
        return data[:ENOUGH]
    found, at = b"", len(CONTAINER)
    if data.startswith(CONTAINER):
        for _ in range(BOXES):
            head = 8
            if at + head > len(data):
                break
            length, kind = struct.unpack_from(">I4s", data, at)
            if length == 1 and at + 16 <= len(data):
                head, length = 16, struct.unpack_from(">Q", data, at + 8)[0]
            stop = at + length if length else len(data)
            if stop < at + head or kind == b"jbrd":  # jbrd: a recompressed JPEG, which has its own size
                break
            if kind in (b"jxlc", b"jxlp"):
                start = at + head + (4 if kind == b"jxlp" else 0)  # the number of the part
                found += data[start : min(stop, start + ENOUGH)]
                if kind == b"jxlc" or len(found) >= ENOUGH:
                    break
            at = stop
    if not found.startswith(CODESTREAM):
        raise BadStream("not a readable jxl stream")
    return found[:ENOUGH]
