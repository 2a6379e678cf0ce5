"""Boxes of JPEG 2000, JPEG XL, AVIF and HEIC files that hold no pixels, and where the last box ends.

ISO/IEC 14496-12: a box has its length (32 bits; 1: 64 bits behind the name; 0: to the end of the file) and a name.
"""

from __future__ import annotations

import re
import struct
from itertools import islice

from ripguard.images import jpeg_2000, jpeg_xl
from ripguard.images.chunks import OTHER

MOST = 10_000  # boxes or items of a file
JP2 = {b"jP  ": "", b"ftyp": "", b"jp2h": "", b"jp2c": ""}
JP2_HEADER = {b"ihdr", b"bpcc", b"colr", b"pclr", b"cmap", b"cdef", b"res "}
UUIDS = {bytes.fromhex("be7acfcb97a942e89c71999491e3afac"): "XMP", b"JpgTiffExif->JP2": "EXIF"}
JXL = {
    b"JXL ": "", b"ftyp": "", b"jxll": "", b"jxlc": "", b"jxlp": "", b"jxli": "", b"Exif": "EXIF", b"xml ": "XMP",
}  # fmt: skip
HEIF = dict.fromkeys((b"ftyp", b"meta", b"mdat", b"moov", b"free", b"skip", b"styp", b"sidx", b"moof", b"pdin"), "")
ITEMS = {b"hvc1", b"av01", b"grid", b"iden", b"Exif", b"mime"}  # types
ITEM = re.compile(rb"(?s)infe(?:\2...|\3.....)....(....)".replace(rb"\2", b"\x02").replace(rb"\3", b"\x03"))
AUXILIARY = re.compile(rb"auxC\0\0\0\0([^\0]{1,200})")
ALPHA = (b":alpha", b"auxid:1")


def listed(data: bytes, at: int = 0, stop: int | None = None) -> tuple[list[tuple[bytes, int, int]], int]:
    """Name, start of the content, and end of each box up to ``stop``, and where the last one ends."""
    found, stop = list[tuple[bytes, int, int]](), len(data) if stop is None else stop
    while at + 8 <= stop and len(found) < MOST:
        length, name = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if length == 1 and at + 16 <= stop:
            length, start = struct.unpack_from(">Q", data, at + 8)[0], at + 16
        end = at + length if length else stop
        if not start <= end <= stop or not name.isascii() or not name.decode().isprintable():
            break
        found.append((name, start, end))
        at = end
    return found, at


def jp2(data: bytes) -> tuple[set[str], int]:
    """Kinds in a JPEG 2000 file, and where it ends."""
    if data.startswith(jpeg_2000.CODESTREAM):
        return set(), jpeg_2000.end(data, 0, len(data))
    found, header, (boxes, last) = set[str](), False, listed(data)
    for name, start, end in boxes:
        if name == b"uuid":
            found.add(UUIDS.get(data[start : start + 16], OTHER))
        elif name == b"jp2h" and not header:
            header = True  # others would be walked as often as there are boxes
            for inner, at, _ in listed(data, start, end)[0]:
                found.add("" if inner in JP2_HEADER else OTHER)
                found.add("ICC profile" if inner == b"colr" and data[at] != 1 else "")
        else:
            found.add(JP2.get(name, OTHER))
    if boxes and boxes[-1][0] == b"jp2c":
        last = jpeg_2000.end(data, boxes[-1][1], last)
    return found - {""}, last


def images(data: bytes) -> int:
    """Number of codestreams in the boxes of a JPEG 2000 file; 1 for a file without boxes."""
    if data.startswith(jpeg_2000.CODESTREAM):
        return 1
    return sum(name == b"jp2c" for name, _, _ in listed(data)[0])


def jxl(data: bytes) -> tuple[set[str], int]:
    """Kinds in a JPEG XL file, and where its boxes end; the end of a bare codestream is not found."""
    if data.startswith(jpeg_xl.CODESTREAM):
        return set(), len(data)
    boxes, last = listed(data)
    names = [data[start : start + 4] if name == b"brob" else name for name, start, _ in boxes]  # compressed boxes
    return {JXL.get(name, OTHER) for name in names} - {""}, last


def heif(data: bytes) -> tuple[set[str], int]:
    """Kinds in an AVIF or HEIC file, and where its boxes end. Thumbnails and gain maps are other data."""
    boxes, last = listed(data)
    found = {HEIF.get(name, OTHER) for name, _, _ in boxes}
    for name, start, end in boxes:
        if name == b"meta":
            head = data[start:end]
            others = (one[1] not in ITEMS for one in islice(ITEM.finditer(head), MOST))
            auxiliary = (not one[1].endswith(ALPHA) for one in islice(AUXILIARY.finditer(head), MOST))
            found.add(OTHER if b"thmb" in head or any(others) or any(auxiliary) else "")
    return found - {""}, last
