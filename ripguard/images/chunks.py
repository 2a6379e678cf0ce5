"""Parts of PNG, JPEG, WebP and GIF files that hold no pixels, and where the image ends.

Files are walked by the length fields of their parts. Each function returns kinds of metadata, and the position behind
the image: the length of the file where its end is not found.
"""

from __future__ import annotations

import re
import struct

OTHER = "other data"
LONGEST = 500_000  # parts of a file
PNG_NEEDED = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS"}
PNG_COUNTED = {
    b"eXIf": "EXIF", b"iCCP": "ICC profile", b"gAMA": "gamma", b"cHRM": "gamma", b"sRGB": "gamma", b"cICP": "gamma",
    b"tEXt": "text", b"zTXt": "text", b"iTXt": "text",
}  # fmt: skip
WEBP_NEEDED = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"}
WEBP_COUNTED = {b"ICCP": "ICC profile", b"EXIF": "EXIF", b"XMP ": "XMP"}
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # in a scan, anything but escaped bytes and restarts
SOS, EOI, COMMENT = 0xDA, 0xD9, 0xFE
ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length
# first bytes of an application segment → kind; "" for what the pixels need
SEGMENTS = {
    (0xE0, b"JFIF\0"): "", (0xEE, b"Adobe"): "", (0xE1, b"Exif\0"): "EXIF", (0xE1, b"http://ns.adobe.com/xap/"): "XMP",
    (0xE1, b"http://ns.adobe.com/xmp/"): "XMP", (0xE2, b"ICC_PROFILE\0"): "ICC profile", (0xED, b"Photoshop"): "IPTC",
}  # fmt: skip
GIF_APPLICATIONS = {b"NETSCAPE2.0": "", b"ANIMEXTS1.0": "", b"XMP DataXMP": "XMP", b"ICCRGBG1012": "ICC profile"}


def png(data: bytes) -> tuple[set[str], int]:
    """Chunks of a PNG, and where its chunk IEND ends."""
    found, at = set[str](), 8
    for _ in range(LONGEST):
        if at + 12 > len(data):
            return found, len(data)
        length, name = struct.unpack_from(">I4s", data, at)
        if name not in PNG_NEEDED or (name == b"PLTE" and data[25] != 3):  # for color, it is a suggestion
            found.add(PNG_COUNTED.get(name, OTHER))
        at += 12 + length
        if name == b"IEND":
            return found, at
    return found | {OTHER}, len(data)


def webp(data: bytes) -> tuple[set[str], int]:
    """Chunks of a WebP, and where its RIFF container ends."""
    end = 8 + int.from_bytes(data[4:8], "little")
    found, at, images = set[str](), 12, 0
    for _ in range(LONGEST):
        if at + 8 > min(end, len(data)):
            break
        name, length = struct.unpack_from("<4sI", data, at)
        if name not in WEBP_NEEDED:
            found.add(WEBP_COUNTED.get(name, OTHER))
        images += name in (b"VP8 ", b"VP8L")
        at += 8 + length + (length & 1)
    if images > 1:
        found.add(OTHER)
    return found, min(end + (end & 1), len(data))


def jpeg(data: bytes) -> tuple[set[str], int]:
    """Segments of the first image of a JPEG file, and where it ends."""
    found, at = set[str](), 2
    for _ in range(LONGEST):
        if at + 4 > len(data) or data[at] != 0xFF:
            break
        kind = data[at + 1]
        if kind == EOI:
            return found - {""}, at + 2
        if kind == 0xFF:  # a fill byte
            at += 1
            continue
        if kind == COMMENT:
            found.add("text")
        elif 0xE0 <= kind <= 0xEF:
            found.add(_segment(kind, data[at + 4 : at + 32]))
        at += 2 if kind in ALONE else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if kind == SOS:
            next_one = MARKER.search(data, at)
            if next_one is None:
                break
            at = next_one.start()
    return found - {""}, at + 2 if data[at : at + 2] == b"\xff\xd9" else len(data)


def _segment(kind: int, start: bytes) -> str:
    if kind == 0xE0 and start[:5] == b"JFIF\0" and start[12:14] not in (b"\0\0", b""):
        return OTHER  # a thumbnail
    return next((name for (code, first), name in SEGMENTS.items() if code == kind and start.startswith(first)), OTHER)


def gif(data: bytes) -> tuple[set[str], int]:
    """Extensions of a GIF, and where its trailer ends."""
    found = set[str]()
    try:
        at, left = 13 + _table(data[10]), LONGEST
        while left > 0:
            if (kind := data[at]) == 0x3B:
                return found - {""}, at + 1
            if kind == 0x2C:
                at += 11 + _table(data[at + 9])
            elif kind == 0x21:
                found.add(_extension(data, at))
                at += 2
            else:
                return found - {""}, at
            while (length := data[at]) and left > 0:
                at, left = at + 1 + length, left - 1
            at, left = at + 1, left - 1
    except IndexError:  # cut off
        pass
    return found - {""}, len(data)


def _table(flags: int) -> int:
    """Bytes of a table of colors."""
    return 6 << (flags & 7) if flags & 0x80 else 0


def _extension(data: bytes, at: int) -> str:
    label = data[at + 1]
    if label == 0xFF:
        return GIF_APPLICATIONS.get(data[at + 3 : at + 14], OTHER)
    return {0xF9: "", 0xFE: "text"}.get(label, OTHER)
