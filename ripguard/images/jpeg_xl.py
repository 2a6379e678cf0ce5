"""Size and depth of a JPEG XL image from its first bytes. The decoder allocates all pixels before it reports them.

ISO/IEC 18181-1: the codestream begins with ``FF 0A``, then SizeHeader and ImageMetadata, lowest bit of each byte first.
18181-2: in a container, the codestream is in a box ``jxlc``, or in parts in boxes ``jxlp``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

CODESTREAM = b"\xff\x0a"
CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
BOXES = 100  # most boxes to read
ENOUGH = 64  # bytes of the codestream that contain these fields
SIDES = (9, 13, 18, 30)  # bits that a side can have
RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # width to height
DEPTHS, FLOAT_DEPTHS = (8, 10, 12), (32, 16, 24)
MAX_EXTRA = 8  # channels beside color, such as alpha and depth


@dataclass(frozen=True, slots=True)
class Head:
    """What the header states.

    Attributes:
        width, height: upright.
        bits: per sample.
        turned, moving: the file states an orientation; it is an animation.
        extra: number of channels beside gray or color.
        recompressed: the pixels are those of a JPEG file.
    """

    width: int
    height: int
    bits: int = 8
    floats: bool = False
    turned: bool = False
    moving: bool = False
    extra: int = 0
    recompressed: bool = False


class _Bits:
    def __init__(self, data: bytes) -> None:
        self.value, self.left = int.from_bytes(data, "little"), 8 * len(data)

    def __call__(self, count: int) -> int:
        if count > self.left:
            raise ValueError("the JPEG XL header is truncated")
        found = self.value & (1 << count) - 1
        self.value, self.left = self.value >> count, self.left - count
        return found

    def choice(self, *options: tuple[int, int]) -> int:
        """One of four ranges: the first number, and the bits that are added."""
        start, count = options[self(2)]
        return start + self(count)


def head(data: bytes) -> Head:
    """The header of a file. Raises :class:`ValueError` if it cannot be read."""
    stream, recompressed = _codestream(data)
    bits = _Bits(stream[len(CODESTREAM) :])
    width, height = _size(bits)
    if bits(1):  # all metadata have default values
        return Head(width, height, recompressed=recompressed)
    orientation, moving = 1, False
    if bits(1):
        orientation = bits(3) + 1
        if bits(1):
            _size(bits)
        if bits(1):
            raise ValueError("a JPEG XL file with a preview")
        if moving := bool(bits(1)):
            bits.choice((100, 0), (1000, 0), (1, 10), (1, 30))
            bits.choice((1, 0), (1001, 0), (1, 8), (1, 10))
            bits.choice((0, 0), (0, 3), (0, 16), (0, 32))
            bits(1)
    floats = bool(bits(1))
    starts = FLOAT_DEPTHS if floats else DEPTHS
    depth = bits.choice(*((start, 0) for start in starts), (1, 6))
    if floats:
        bits(4)
    bits(1)  # modular_16bit_buffers
    extra = bits.choice((0, 0), (1, 0), (2, 4), (1, 12))
    if orientation > 4:
        width, height = height, width
    return Head(width, height, depth, floats, orientation > 1, moving, extra, recompressed)


def _size(bits: _Bits) -> tuple[int, int]:
    """(width, height) of a SizeHeader."""
    small = bits(1)

    def side() -> int:
        return 8 * (bits(5) + 1) if small else bits(SIDES[bits(2)]) + 1

    height, ratio = side(), bits(3)
    width = side() if ratio == 0 else height * RATIOS[ratio - 1][0] // RATIOS[ratio - 1][1]
    return width, height


def _codestream(data: bytes) -> tuple[bytes, bool]:
    """The first bytes of the codestream, and whether it is that of a JPEG file."""
    if data.startswith(CODESTREAM):
        return data[:ENOUGH], False
    found, at, recompressed = b"", len(CONTAINER), False
    if data.startswith(CONTAINER):
        for _ in range(BOXES):
            start = 8
            if at + start > len(data):
                break
            length, kind = struct.unpack_from(">I4s", data, at)
            if length == 1 and at + 16 <= len(data):
                start, length = 16, struct.unpack_from(">Q", data, at + 8)[0]
            stop = at + length if length else len(data)
            if stop < at + start:
                break
            recompressed |= kind == b"jbrd"
            if kind in (b"jxlc", b"jxlp"):
                begin = at + start + (4 if kind == b"jxlp" else 0)  # the number of the part
                found += data[begin : min(stop, begin + ENOUGH)]
                if kind == b"jxlc" or len(found) >= ENOUGH:
                    break
            at = stop
    if not found.startswith(CODESTREAM):
        raise ValueError("not a readable JPEG XL file")
    return found[:ENOUGH], recompressed
