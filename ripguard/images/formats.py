"""Recognition of image formats by their first bytes, and the libraries that decode them.

A file's name decides only for TGA, which has no signature. Without a name, a TGA file is recognized by its footer or a
plausible header, so that restored files are recognized as well.
"""

from __future__ import annotations

import importlib
import struct

from PIL import Image, features

from ripguard import libraries
from ripguard.errors import InputRefused
from ripguard.files import LFS_HINT, LFS_START
from ripguard.images.limits import NPY, TIFFS
from ripguard.images.refusals import check_bytes

START = 256  # first bytes that recognition needs
# format → its first bytes
SIGNATURES: tuple[tuple[str, tuple[bytes, ...]], ...] = (
    ("NPY", (NPY,)),
    ("PNG", (b"\x89PNG\r\n\x1a\n",)),
    ("JPEG", (b"\xff\xd8\xff",)),
    ("TIFF", TIFFS),
    ("GIF", (b"GIF87a", b"GIF89a")),
    ("JPEG 2000", (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")),
    ("JPEG XL", (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")),
    ("BMP", (b"BM",)),
    ("PNM", (*(b"P%d" % n for n in range(1, 8)), b"Pf", b"PF")),
)
AVIF, HEIC = (b"avif", b"avis"), (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
EITHER = (b"mif1", b"msf1", b"miaf")  # major brands of both; the compatible brands decide
DIB_SIZES = (40, 52, 56, 108, 124)  # bytes of a bitmap's header
TGA_FOOTER, TGA_DEPTHS = b"TRUEVISION-XFILE.\0", {1: (8,), 2: (15, 16, 24, 32), 3: (1, 8, 16)}
# format → names of Pillow's decoders
DECODERS = {"PNM": ("PPM",), "JPEG 2000": ("JPEG2000",), "HEIC": ("HEIF",), "JPEG XL": ("JXL",)}
UPGRADE = "install a newer Pillow: pip install --upgrade Pillow"
# format → module that registers its decoder, and extra that installs it
PLUGINS = {"HEIC": ("pillow_heif", "heic"), "JPEG XL": ("pillow_jxl", "jxl"), "DICOM": ("pydicom", "dicom")}
BUILT_IN = {"AVIF": "avif", "JPEG 2000": "jpg_2000", "WEBP": "webp"}  # format → feature of Pillow
BY_LIBRARY = frozenset({*PLUGINS, "AVIF", "JPEG 2000"})  # what is decoded depends on the version of a library
SUFFIX = {
    "JPEG": ".jpg", "TIFF": ".tif", "PNM": ".ppm", "JPEG 2000": ".jp2", "JPEG XL": ".jxl", "DICOM": ".dcm",
}  # fmt: skip


class DecoderMissing(InputRefused):
    """The library that decodes this format is not installed; the hint says how to install it."""


def format_of(data: bytes, name: str = "", size: int | None = None) -> str:
    """The format of an image file; "" if it is none.

    Args:
        data: the file, or its first :data:`START` bytes.
        name: file name, of which only the suffix ``.tga`` matters.
        size: bytes of the whole file, if ``data`` is only its beginning.
    """
    if found := signed_format(data):
        return found
    if _is_dib(data):
        return "DIB"
    if _is_tga(data, name, len(data) if size is None else size):
        return "TGA"
    return ""


def signed_format(start: bytes) -> str:
    """The format of a file that begins with a signature; "" if it is none."""
    for found, starts in SIGNATURES:
        if start.startswith(starts):
            return found
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP"
    if start[128:132] == b"DICM":
        return "DICOM"
    return _boxed(start) if start[4:8] == b"ftyp" else ""


def recognized(data: bytes, what: str, size: int | None = None) -> str:
    """The format of a source file, which is never "".

    Args:
        data, size: as for :func:`format_of`.
        what: name of the file.

    Raises:
        InputRefused: unknown format, or more bytes than any image takes.
    """
    if data.startswith(LFS_START):
        raise InputRefused(f"{what}: not an image", LFS_HINT)
    found = format_of(data, what, size)
    if not found:
        raise InputRefused(f"{what}: not a readable image", "is the file whole, and of a supported format?")
    check_bytes(len(data) if size is None else size, what)
    return found


def decoders(found: str, what: str) -> tuple[str, ...]:
    """Names of Pillow's decoders for a format; libraries are loaded.

    Raises:
        DecoderMissing: a library is not installed.
    """
    module, extra = PLUGINS.get(found, ("", ""))
    try:
        library = importlib.import_module(module) if module else None
    except ImportError:
        raise missing(what, found, libraries.of_extra(extra)) from None
    if not built_in(found):
        raise missing(what, found, UPGRADE)
    if found == "HEIC" and library is not None and "HEIF" not in Image.OPEN:
        library.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    return DECODERS.get(found, (found,))


def built_in(found: str) -> bool:
    """Whether this Pillow has a format; True for those that every Pillow has, or that another library reads."""
    return found not in BUILT_IN or bool(features.check(BUILT_IN[found]))


def missing(what: str, kind: str, hint: str) -> DecoderMissing:
    article = "an" if kind == "AVIF" else "a"
    return DecoderMissing(f"{what}: {article} {kind} image, and its decoder is not installed", hint)


def usual_suffix(found: str) -> str:
    """The usual suffix of a format: ``.jpg``, ``.png`` …"""
    return SUFFIX.get(found, f".{found.lower()}")


def _boxed(start: bytes) -> str:
    """AVIF or HEIC by the brands of the first box (ISO/IEC 14496-12)."""
    length = int.from_bytes(start[:4], "big")
    brands = [start[8:12]] + [start[at : at + 4] for at in range(16, min(length, len(start)), 4)]
    if brands[0] in EITHER:
        brands = [one for one in brands if one in AVIF + HEIC][:1] or [HEIC[0]]
    return "AVIF" if brands[0] in AVIF else "HEIC" if brands[0] in HEIC else ""


def _is_dib(start: bytes) -> bool:
    """Whether a file begins with the header of a bitmap, without the file header of a BMP."""
    if len(start) < 40:
        return False
    size, width, height, planes, bits = struct.unpack_from("<IiiHH", start)
    return size in DIB_SIZES and width > 0 and height != 0 and planes == 1 and bits in (1, 4, 8, 16, 24, 32)


def _is_tga(data: bytes, name: str, size: int) -> bool:
    """Whether a file has the header of a TGA: fields in their ranges, and room for its pixels."""
    if len(data) < 18 or size <= 18:
        return False
    comment, maps, kind, first, colors, map_bits = struct.unpack_from("<BBBHHB", data)
    width, height, depth, flags = struct.unpack_from("<HHBB", data, 12)
    if maps > 1 or kind & ~8 not in TGA_DEPTHS or not width or not height:
        return False
    if name.lower().endswith(".tga") or data.endswith(TGA_FOOTER):
        return True
    if depth not in TGA_DEPTHS[kind & ~8] or flags & 0xC0 or flags & 15 > 8:
        return False
    if maps != (kind & ~8 == 1) or (maps == 0 and (first or colors or map_bits)):
        return False
    if maps and (map_bits not in (15, 16, 24, 32) or not 0 < colors <= 256):
        return False
    least = (width * depth + 7) // 8 * height if kind < 8 else width * height // 128  # a run has 128 pixels at most
    return size >= 18 + comment + colors * ((map_bits + 7) // 8) + least
