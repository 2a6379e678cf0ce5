"""What a file has beside its samples: its format's suffix, and kinds of metadata."""

from __future__ import annotations

import re

from ripguard.images import jpeg_2000, tiff
from ripguard.images.formats import decoders, recognized, usual_suffix
from ripguard.images.gate import counted, guarded, opened
from ripguard.images.netpbm import STARTS as NETPBM
from ripguard.images.refusals import check_structure

BEHIND = "film or other data behind the image"
LEAST_BEHIND = 16  # bytes; fewer are padding
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # in a scan, anything but escaped bytes and restarts
SOS, EOI, LONGEST = 0xDA, 0xD9, 500_000
ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length


def file_suffix(data: bytes) -> str:
    """The usual suffix of an image file's format: ``.jpg``, ``.png`` …

    Raises:
        InputRefused: not an image of a known format.
    """
    kind = recognized(data, "image")
    return ".j2k" if data.startswith(jpeg_2000.CODESTREAM) else usual_suffix(kind)


def metadata(data: bytes) -> tuple[str, ...]:
    """Kinds of metadata in an image file, of ``EXIF, ICC profile, gamma, text, XMP, IPTC``, and :data:`BEHIND`.

    Nothing for files that Pillow does not open as they are; these are restored whole.

    Raises:
        InputRefused: unreadable.
        DecoderMissing: a library is missing.
    """
    kind = recognized(data, "image")
    if kind in ("NPY", "DICOM") or data.startswith(NETPBM):
        return ()
    if kind == "TIFF" and _odd(data):
        return ()
    with opened(data, "image", decoders(kind, "image")) as image:
        info = image.info
        found = {
            "EXIF": bool(image.getexif())
            and image.format != "TIFF",  # in a TIFF, these are the tags of the format itself
            "ICC profile": "icc_profile" in info,
            "gamma": bool({"gamma", "chromaticity", "srgb"} & set(info)) or bool(re.search(b"cICP", data[:4096])),
            "text": bool(getattr(image, "text", None)) or "comment" in info,
            "XMP": "xmp" in info,
            "IPTC": "photoshop" in info,
            BEHIND: kind == "JPEG" and len(data) - jpeg_end(data) >= LEAST_BEHIND,
        }
    return tuple(name for name, there in found.items() if there)


def _odd(data: bytes) -> bool:
    with guarded("image", "TIFF"):
        check_structure(data, "image", None)
        return tiff.page(counted(data)).odd


def jpeg_end(data: bytes) -> int:
    """Where the first image of a JPEG file ends; the length of the file if its end is not found."""
    at = 2
    for _ in range(LONGEST):
        if at + 4 > len(data) or data[at] != 0xFF:
            break
        kind = data[at + 1]
        if kind == EOI:
            return at + 2
        if kind == 0xFF:  # a fill byte
            at += 1
            continue
        at += 2 if kind in ALONE else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if kind == SOS:
            found = MARKER.search(data, at)
            if found is None:
                break
            at = found.start()
    return at + 2 if data[at : at + 2] == b"\xff\xd9" else len(data)
