"""Where the samples of BMP, TGA, PNM and NPY files end, and what their headers hold beside the samples.

Each function returns kinds of metadata, and the position behind the image: the length of the file where it is not
found, as for run-length coded TGA files.
"""

from __future__ import annotations

import io
import math
import re
import struct

import numpy as np
from PIL import Image

from ripguard.images import arrays, netpbm
from ripguard.images.chunks import OTHER
from ripguard.images.formats import TGA_FOOTER
from ripguard.images.limits import NPY

FOOTER = 8 + len(TGA_FOOTER)  # bytes
MASKED, PLAIN = {3: 12, 6: 16}, (0, 3, 6)  # compressions of a BMP: bytes of color masks; those without compression
EMBEDDED = b"DEBM"
NEXT = re.compile(rb"\s*P[1-7Ff][\s#]")  # beginning of another PNM
BEHIND_NUMBERS = re.compile(rb"\sP[1-7Ff][\s#]")
BLANK = np.zeros(256, bool)
BLANK[list(b" \t\n\r\v\f")] = True
ROWS = 1 << 22  # bytes that are looked at in one step


def bmp(data: bytes, start: int) -> tuple[set[str], int]:
    """A BMP, or with ``start`` 0 a DIB."""
    found = set[str]()
    if len(data) < start + 12:
        return found, len(data)
    size = int.from_bytes(data[start : start + 4], "little")
    used = compression = length = 0
    if size == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, start + 4)
    elif size >= 40 and len(data) >= start + size:
        width, height, _, bits, compression, length = struct.unpack_from("<iiHHII", data, start + 4)
        used = int.from_bytes(data[start + 32 : start + 36], "little")
    else:
        return found, len(data)
    colors = used or (1 << bits if bits <= 8 else 0)
    head = start + size + (MASKED.get(compression, 0) if size == 40 else 0) + colors * (3 if size == 12 else 4)
    at = int.from_bytes(data[10:14], "little") if start else head
    if head < at and data[head:at].strip(b"\0"):
        found.add(OTHER)
    end = at + (width * bits + 31) // 32 * 4 * abs(height) if compression in PLAIN else at + length
    if size >= 124 and data[start + 56 : start + 60] == EMBEDDED:
        offset, profile = struct.unpack_from("<II", data, start + 112)
        found.add("ICC profile")
        end = max(end, start + offset + profile)
    return found, end if compression in PLAIN or length else len(data)


def tga(data: bytes) -> tuple[set[str], int]:
    """A TGA. The end is that of its samples, if nothing but a footer follows them."""
    comment, _, kind, _, colors, map_bits = struct.unpack_from("<BBBHHB", data)
    width, height, depth = struct.unpack_from("<HHB", data, 12)
    found = {"text"} if data[18 : 18 + comment].strip(b"\0 ") else set[str]()
    if data.endswith(TGA_FOOTER) and any(data[-FOOTER : 8 - FOOTER]):  # an extension area or a developer area
        return found | {OTHER}, len(data)
    if kind >= 8:
        return found, len(data)
    row = (width + 7) // 8 if depth == 1 else width * ((depth + 7) // 8)
    end = 18 + comment + colors * ((map_bits + 7) // 8) + row * height
    return found, end + FOOTER if data.startswith(TGA_FOOTER, end + 8) else end


def npy(data: bytes) -> int:
    """Where the values of an array end."""
    file = io.BytesIO(data)
    shape, _, kind = arrays.header(file)
    return file.tell() + math.prod(shape) * kind.itemsize


def pam(data: bytes) -> tuple[set[str], int]:
    """A PAM or PFM."""
    start, length = netpbm.extent(data)
    return {"text"} if b"#" in data[:start] else set(), start + length


def pnm(image: Image.Image, data: bytes) -> tuple[set[str], int]:
    """A PNM that Pillow has opened and not loaded. Of decimal numbers, the end is not found."""
    start = image.tile[0][2]  # type: ignore[attr-defined]
    if data[1:2] in b"123":
        return {"text"} if b"#" in data else set(), len(data)
    row = (image.width + 7) // 8 if image.mode == "1" else image.width * len(image.getbands())
    deep = image.mode == "I" or (image.mode == "RGB" and _is_deep(image))
    return {"text"} if b"#" in data[:start] else set(), start + row * image.height * (2 if deep else 1)


def _is_deep(image: Image.Image) -> bool:
    """Whether samples have two bytes, by the arguments of Pillow's decoder: a mode, or mode and maximum."""
    arguments = image.tile[0][3]  # type: ignore[attr-defined]
    return isinstance(arguments, tuple) and int(arguments[1]) > 255


def another(data: bytes, end: int) -> bool:
    """Whether another image follows in an array file or PNM."""
    return data.startswith(NPY, end) or NEXT.match(data, end) is not None


def another_decimal(image: Image.Image, data: bytes) -> bool:
    """Whether a PNM of decimal numbers, which Pillow has opened and not loaded, is followed by another image."""
    start = data.find(b"P", image.tile[0][2])  # type: ignore[attr-defined]
    return start >= 0 and BEHIND_NUMBERS.search(data, start - 1) is not None


def surplus(image: Image.Image, data: bytes) -> bool:
    """Whether a PNM of decimal numbers without comments has more numbers than its image."""
    if data[1:2] not in b"23" or b"#" in data:
        return False
    start, count, before = image.tile[0][2], 0, True  # type: ignore[attr-defined]
    for at in range(start, len(data), ROWS):
        blank = BLANK[np.frombuffer(data, np.uint8, min(ROWS, len(data) - at), at)]
        count += int(np.count_nonzero(~blank[1:] & blank[:-1])) + bool(before and not blank[0])
        before = bool(blank[-1])
    return count > image.width * image.height * len(image.getbands())
