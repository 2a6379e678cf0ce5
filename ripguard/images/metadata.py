"""What a file has beside its samples: its format's suffix, and kinds of metadata."""

from __future__ import annotations

from PIL import Image

from ripguard.images import chunks, iso_boxes, jpeg_2000, raw_ends, tiff, tiff_tags
from ripguard.images.chunks import OTHER
from ripguard.images.formats import decoders, recognized, usual_suffix
from ripguard.images.gate import counted, guarded, opened
from ripguard.images.netpbm import STARTS as NETPBM
from ripguard.images.refusals import check_structure

BEHIND = "film or other data behind the image"
LEAST_BEHIND = 16  # bytes; fewer may be padding
PADDING = b"\0\xff \t\r\n"
KINDS = ("EXIF", "ICC profile", "gamma", "text", "XMP", "IPTC", BEHIND, OTHER)
AT_ONCE = ("PNG", "JPEG", "WEBP")  # formats of which Pillow says the same before and after pixels are loaded
WALKS = {  # format → its parts that hold no pixels, and where it ends
    "PNG": chunks.png, "JPEG": chunks.jpeg, "WEBP": chunks.webp, "GIF": chunks.gif, "TIFF": tiff_tags.kinds,
    "JPEG 2000": iso_boxes.jp2, "JPEG XL": iso_boxes.jxl, "AVIF": iso_boxes.heif, "HEIC": iso_boxes.heif,
    "BMP": lambda data: raw_ends.bmp(data, 14), "DIB": lambda data: raw_ends.bmp(data, 0), "TGA": raw_ends.tga,
}  # fmt: skip


def file_suffix(data: bytes) -> str:
    """The usual suffix of an image file's format: ``.jpg``, ``.png`` …

    Raises:
        InputRefused: not an image of a known format.
    """
    kind = recognized(data, "image")
    return ".j2k" if data.startswith(jpeg_2000.CODESTREAM) else usual_suffix(kind)


def metadata(data: bytes) -> tuple[str, ...]:
    """Kinds of what an image file holds beside its samples, of :data:`KINDS`, in that order.

    Resolutions in the headers of JPEG, BMP and TIFF files are not counted, nor what is behind a JPEG XL codestream
    without boxes or behind a run-length coded TGA. Nothing for DICOM and for TIFF files that Pillow does not open as
    they are; these are restored whole.

    Raises:
        InputRefused: unreadable.
        DecoderMissing: a library is missing.
    """
    kind = recognized(data, "image")
    if kind == "DICOM" or (kind == "TIFF" and _odd(data)):
        return ()
    if kind == "NPY" or data.startswith(NETPBM):
        with guarded("image", kind):
            found, end = (set[str](), raw_ends.npy(data)) if kind == "NPY" else raw_ends.pam(data)
    else:
        with opened(data, "image", decoders(kind, "image")) as image:
            found, end = raw_ends.pnm(image, data) if kind == "PNM" else WALKS[kind](data)
            found |= {BEHIND} if kind == "PNM" and raw_ends.surplus(image, data) else set()
            found |= {name for name, there in _stated(image).items() if there}
    return _ordered(found, data, end)


def metadata_of(image: Image.Image, data: bytes) -> tuple[str, ...] | None:
    """As :func:`metadata`, for a file that is open and whose pixels are loaded: it is not opened again.

    None for formats other than :data:`AT_ONCE`, of which :func:`metadata` must be called.
    """
    if image.format not in AT_ONCE:
        return None
    found, end = WALKS[image.format](data)
    return _ordered(found | {name for name, there in _stated(image).items() if there}, data, end)


def _ordered(found: set[str], data: bytes, end: int) -> tuple[str, ...]:
    behind = {BEHIND} if _is_behind(data, end) else set()
    return tuple(name for name in KINDS if name in found | behind)


def _stated(image: Image.Image) -> dict[str, bool]:
    """What Pillow and its plugins read."""
    info = image.info
    return {
        "EXIF": image.format != "TIFF" and bool(image.getexif()),  # in a TIFF, these are the tags of the format itself
        "ICC profile": "icc_profile" in info,
        "gamma": bool({"gamma", "chromaticity", "srgb"} & set(info)),
        "text": bool(getattr(image, "text", None)) or "comment" in info,
        "XMP": "xmp" in info,
        "IPTC": "photoshop" in info,
    }


def _is_behind(data: bytes, end: int) -> bool:
    """Whether more than padding follows: a few bytes of blanks or all the same bits."""
    return len(data) - end >= LEAST_BEHIND or bool(data[end:].strip(PADDING))


def _odd(data: bytes) -> bool:
    with guarded("image", "TIFF"):
        check_structure(data, "image", None)
        return tiff.page(counted(data)).odd


def jpeg_end(data: bytes) -> int:
    """Where the first image of a JPEG file ends; the length of the file if its end is not found."""
    return chunks.jpeg(data)[1]
