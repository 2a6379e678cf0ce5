"""What an 8-bit rendering of an image does not show, by the file's header."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFile

from ripguard.images import boxes, iso_boxes, jpeg_2000, jpeg_xl, raw_ends, tiff
from ripguard.images.limits import ORIENTATION
from ripguard.images.refusals import pnm_maximum

KINDS = (
    "several frames", "EXIF orientation", "palette", "alpha", "transparent color", "1 bit", "2 bits", "4 bits",
    "16 bits", "32 bits", "64 bits", "other maximum", "signed samples", "floating point", "other bands", "CMYK", "YCCK",
    "Lab", "YCbCr", "HSV", "ICC profile", "DICOM attributes",
)  # fmt: skip
MODES = {
    "1": ("1 bit",), "P": ("palette",), "PA": ("palette", "alpha"), "LA": ("alpha",), "La": ("alpha",),
    "RGBA": ("alpha",), "RGBa": ("alpha",), "RGBX": ("other bands",), "CMYK": ("CMYK",), "YCbCr": ("YCbCr",),
    "LAB": ("Lab",), "HSV": ("HSV",), "F": ("floating point",), "I": ("32 bits",),
}  # fmt: skip
BY_MAXIMUM = {1: "1 bit", 3: "2 bits", 15: "4 bits", 255: ""}  # of a PNM
PADDED = b"BM"


def ordered(found: list[str]) -> tuple[str, ...]:
    """Each kind once, in the order of :data:`KINDS`."""
    return tuple(kind for kind in KINDS if kind in found)


def kinds_of(image: Image.Image, data: bytes, page: tiff.Page | None) -> list[str]:
    """Kinds of an opened image, except those that need its pixels.

    Args:
        image: as Pillow opened it.
        data: the file.
        page: tags of a TIFF.
    """
    found = list(MODES.get(image.mode, ())) if not image.mode.startswith("I;16") else ["16 bits"]
    kind = image.format
    if image.mode == "CMYK" and image.info.get("adobe_transform") == 2:
        found = ["YCCK"]
    if kind == "PNG":
        found += {16: ["16 bits"], 2: ["2 bits"], 4: ["4 bits"]}.get(data[24], []) if data[25] != 3 else []
    elif kind == "TIFF" and page is not None:
        found = [one for one in found if one not in ("16 bits", "32 bits", "floating point")] + page.kinds()
    elif kind == "PPM":
        found = [] if image.mode in ("1", "I") else found
        found += ["1 bit"] if image.mode == "1" else [] if image.mode == "F" else pnm_kinds(int(pnm_maximum(data)))
        found += ["several frames"] if _another(image, data) else []
    elif (depth := depth_of(image, data)) > 8:
        found.append("16 bits" if depth <= 16 else "32 bits")
    if kind == "JPEG2000" and any(one.signed for one in jpeg_2000.heads(data)):
        found.append("signed samples")
    if several_frames(image) or (kind == "JPEG2000" and iso_boxes.images(data) > 1):
        found.append("several frames")
    return found


def _another(image: Image.Image, data: bytes) -> bool:
    """Whether another image follows in a PNM."""
    if data[1:2] in b"123":
        return raw_ends.another_decimal(image, data)
    return raw_ends.another(data, raw_ends.pnm(image, data)[1])


def pnm_kinds(maximum: int) -> list[str]:
    """Kinds of a PNM of this greatest sample."""
    found = "16 bits" if maximum > 255 else BY_MAXIMUM.get(maximum, "other maximum")
    return [found] if found else []


def depth_of(image: Image.Image, data: bytes) -> int:
    """Bits per sample of formats that Pillow converts to 8 bits."""
    if image.mode == "F" or image.mode.startswith("I"):
        return 8  # the mode says it
    if image.format == "JPEG2000":
        return max((max(one.bits, default=8) for one in jpeg_2000.heads(data)), default=8)
    if image.format in ("AVIF", "HEIF"):
        return boxes.bits(data)
    return jpeg_xl.head(data).bits if image.format == "JXL" else 8


def several_frames(image: Image.Image) -> bool:
    """Whether there is a second frame. Of a GIF and a TIFF, the others are not counted: each would be read."""
    if image.format in ("GIF", "TIFF"):
        return bool(image.is_animated)  # type: ignore[attr-defined]
    return int(getattr(image, "n_frames", 1)) > 1


def orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8; 1 for none, and for formats whose decoder has turned the image."""
    if image.format in ("HEIF", "JXL"):
        return 1
    found = image.getexif().get(ORIENTATION, 1)
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def is_transparent(image: Image.Image) -> bool:
    """Whether a loaded image has a transparent color, or a palette with alpha."""
    if image.mode == "P" and image.palette is not None and image.palette.mode == "RGBA":
        return True
    return "transparency" in image.info


def has_padding_alpha(image: Image.Image, data: bytes) -> bool:
    """Whether the fourth bytes of a loaded 32-bit BMP without alpha mask differ from padding: neither 0 nor 255.

    Programs store alpha there. Viewers ignore it, and so does Pillow.
    """
    if not isinstance(image, ImageFile.ImageFile) or image.format not in ("BMP", "DIB") or image.mode != "RGB":
        return False
    start = 14 if image.format == "BMP" else 0
    size, bits = (
        int.from_bytes(data[start : start + 4], "little"),
        int.from_bytes(data[start + 14 : start + 16], "little"),
    )
    if size < 40 or bits != 32:
        return False
    at = int.from_bytes(data[10:14], "little") if start else size + (12 if data[16] == 3 and size == 40 else 0)
    fourth = np.frombuffer(data, np.uint8, min(4 * image.width * image.height, len(data) - at), at)[
        _place(data, start) :: 4
    ]
    return bool(fourth.size) and not (fourth.min() == fourth.max() and fourth[0] in (0, 255))


def _place(data: bytes, start: int) -> int:
    """Which of the four bytes of a pixel no color mask covers."""
    if int.from_bytes(data[start + 16 : start + 20], "little") != 3:  # without masks: blue, green, red, other
        return 3
    masks = [int.from_bytes(data[start + 40 + 4 * i : start + 44 + 4 * i], "little") for i in range(3)]
    covered = {mask.bit_length() // 8 - 1 for mask in masks if mask}
    return min({0, 1, 2, 3} - covered, default=3)
