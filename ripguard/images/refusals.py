"""Checks that refuse image files: those that cannot be stored exactly, and those that are expensive to decode."""

from __future__ import annotations

import struct

from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from ripguard.errors import InputRefused
from ripguard.files import LFS_HINT, LFS_START
from ripguard.images import boxes, jpeg_2000, jpeg_xl
from ripguard.images.limits import (
    FORMATS,
    MAX_COMMENTS,
    MAX_PROFILES,
    MAX_RUN_LENGTH,
    MAX_SCANS,
    MAX_STRIPS,
    ORIENTATION,
    PNG_END,
    RAISE,
    RUN_LENGTH,
    SAMPLE_FORMAT,
    SAMPLES_PER_PIXEL,
    STARTS,
    STRIPS,
    UNSIGNED,
    CountedBytes,
    max_bytes,
    max_pieces,
    max_pixels,
)

PNG_EXIF = (
    b"eXIf",
    b"Raw profile type exif",
    b"XML:com.adobe.xmp",
)  # names that precede it in a PNG, as Pillow reads it


def check_beginning(start: bytes, size: int, what: str) -> None:
    """Refuse data that do not begin like an image file, or are too large for one.

    Args:
        start: the first bytes, at least 16 of a longer file.
    """
    if start.startswith(LFS_START[: len(start)]) and len(start) >= 16:
        raise InputRefused(f"{what}: not an image", LFS_HINT)
    if not start.startswith(STARTS):
        raise InputRefused(f"{what}: not a readable {', '.join(FORMATS)} image", "is the file whole?")
    check_bytes(size, what)


def check_bytes(size: int, what: str) -> None:
    """Refuse a file of more bytes than the largest image takes."""
    if size > max_bytes():
        raise InputRefused(f"{what}: more bytes than an image of {max_pixels():,} pixels takes", RAISE)


def check_structure(data: bytes, what: str, expected: tuple[int, ...] | None) -> None:
    """Refuse files whose decoding takes more time than is proportional to their size."""
    if data.startswith(b"\xff\xd8"):
        # SOS markers with the lengths of scans of 1..4 components; the first count nearly always suffices
        starts = [b"\xff\xda\0" + bytes([6 + 2 * parts, parts]) for parts in range(1, 5)]
        if data.count(b"\xff\xda\0") > MAX_SCANS and sum(map(data.count, starts)) > MAX_SCANS:
            raise InputRefused(f"{what}: a JPEG of more than {MAX_SCANS} scans", "save a copy with an image editor")
        if data.count(b"Exif\0\0") > MAX_PROFILES:
            raise InputRefused(
                f"{what}: a JPEG of more than {MAX_PROFILES} EXIF segments", "save a copy with an image editor"
            )
    elif data.startswith(b"\x89PNG"):
        if data.count(b"iCCP") > MAX_PROFILES:
            raise InputRefused(
                f"{what}: a PNG of more than {MAX_PROFILES} color profiles", "save a copy with an image editor"
            )
    elif data.startswith((b"P1", b"P2", b"P3")):
        if data.count(b"#") > MAX_COMMENTS:
            raise InputRefused(
                f"{what}: a PNM of more than {MAX_COMMENTS:,} comments", "save a copy with an image editor"
            )
    elif data.startswith((b"II", b"MM")):
        if len(data) > 2 * max_pieces(MAX_STRIPS):  # each takes at least two bytes
            _check_strips(data, what)
    elif size := webp_size(data[:32]):  # its decoder allocates all pixels when it is opened
        check_size(*size, what, expected)
    elif data[4:8] == b"ftyp":
        boxes.check(data, what)
        for width, height in boxes.sizes(data):
            check_size(width, height, what, None)
    elif data.startswith((jpeg_2000.CODESTREAM, b"\0\0\0\x0cjP")):
        for one in jpeg_2000.heads(data):
            check_size(one.width, one.height, what, None)
        jpeg_2000.check(data, what)
    elif data.startswith((jpeg_xl.CODESTREAM, jpeg_xl.CONTAINER)):  # as WebP
        head = jpeg_xl.head(data)
        check_size(head.width, head.height, what, expected)
        if head.extra > jpeg_xl.MAX_EXTRA:
            raise InputRefused(f"{what}: too many channels", "save a copy with an image editor")


def check_size(width: int, height: int, what: str, expected: tuple[int, ...] | None) -> None:
    """Refuse an image of too many pixels, or of another size than expected: (height, width, …)."""
    if width * height > max_pixels():
        raise InputRefused(f"{what}: more than {max_pixels():,} pixels", RAISE)
    if expected and (height, width) != tuple(expected[:2]):
        raise InputRefused(f"{what}: expected an image of {expected[1]}×{expected[0]}, got {width}×{height}")


def _check_strips(data: bytes, what: str) -> None:
    file = CountedBytes(data)
    start = file.read(8)
    tags = ImageFileDirectory_v2(start + (file.read(8) if start[2:3] == b"+" else b""))  # as Pillow reads it
    file.seek(tags.next)
    tags.load(file)
    for tag in STRIPS:
        if isinstance(found := tags.get(tag), tuple) and len(found) > max_pieces(MAX_STRIPS):
            raise InputRefused(
                f"{what}: a TIFF of more than {max_pieces(MAX_STRIPS):,} strips or tiles",
                "save a copy with an image editor",
            )


def webp_size(start: bytes) -> tuple[int, int] | None:
    """(width, height) from the first 30 bytes of a WebP file; None for other and incomplete files."""
    if len(start) < 30 or start[:4] != b"RIFF" or start[8:12] != b"WEBP":
        return None
    if start[12:16] == b"VP8 ":
        width, height = struct.unpack_from("<HH", start, 26)
        return width & 0x3FFF, height & 0x3FFF
    if start[12:16] == b"VP8L":
        packed = int.from_bytes(start[21:25], "little")
        return (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    if start[12:16] == b"VP8X":
        return int.from_bytes(start[24:27], "little") + 1, int.from_bytes(start[27:30], "little") + 1
    return None


def check_sound(image: Image.Image, data: bytes, what: str) -> None:
    """Refuse files that decoders accept although they are ambiguous, truncated or slow to decode."""
    if image.format == "PNG":
        if data[12:16] != b"IHDR" or data.count(b"\0\0\0\rIHDR") != 1:
            raise InputRefused(f"{what}: not a readable PNG image", "save a copy with an image editor")
        if PNG_END not in data:  # Pillow shows all pixels of some truncated files
            raise InputRefused(f"{what}: the PNG file is truncated", "get a complete copy")
    if image.format == "PPM" and data[1:2] in b"123" and not data[-1:].isspace():  # truncation could change the number
        raise InputRefused(f"{what}: its last number may be truncated", "end the file with a line break")
    if image.info.get("compression") in RUN_LENGTH and image.width * image.height > MAX_RUN_LENGTH:
        raise InputRefused(f"{what}: a run-length coded BMP of more than {MAX_RUN_LENGTH:,} pixels", "save it as PNG")


def check_header(image: Image.Image, data: bytes, what: str) -> None:
    """Refuse files that are not exactly 8-bit gray or RGB, according to their headers."""
    if image.mode not in ("RGB", "L"):
        raise InputRefused(f"{what}: expected 8-bit RGB or grayscale, got mode {image.mode}", _hint(image.mode))
    check_sound(image, data, what)
    if image.format == "PNG" and data[24] != 8:
        raise InputRefused(f"{what}: expected 8 bits per sample, got a {data[24]}-bit PNG", "convert a copy to 8 bits")
    if image.format == "TIFF":
        _check_tiff(image, what)
    if image.format == "PPM" and pnm_maximum(data) != b"255":
        raise InputRefused(f"{what}: expected 8 bits per sample, got a PNM with another maximum")
    frames = getattr(image, "n_frames", 1) if image.format != "TIFF" else "more" if _goes_on(image) else 1
    if frames != 1:
        raise InputRefused(f"{what}: expected one frame, got {frames}", "export one frame to a file")
    if may_state_exif(image, data) and image.getexif().get(ORIENTATION, 1) not in (0, 1):  # 0: not set
        raise InputRefused(
            f"{what}: its EXIF orientation would be lost", "apply the orientation to the pixels of a copy"
        )


def may_state_exif(image: Image.Image, data: bytes) -> bool:
    """Whether Pillow could find EXIF in a file. For a PNG, it would otherwise build an empty record for each."""
    return image.format != "PNG" or any(name in data for name in PNG_EXIF)


def _goes_on(image: Image.Image) -> bool:
    """Whether a TIFF has a second frame; counting them would read all."""
    return bool(image.is_animated)  # type: ignore[attr-defined]


def check_loaded(image: Image.Image, what: str) -> None:
    """Checks that need the whole file to be read."""
    if "transparency" in image.info:
        raise InputRefused(f"{what}: a transparent color would be lost", "flatten a copy first")


def _check_tiff(image: Image.Image, what: str) -> None:
    tags = image.tag_v2  # type: ignore[attr-defined]
    if any(bits != 8 for bits in tags.get(258, (8,))):
        raise InputRefused(f"{what}: expected 8 bits per sample, got a deeper TIFF", "convert a copy to 8 bits")
    if (samples := tags.get(SAMPLES_PER_PIXEL, 1)) != len(image.getbands()):  # Pillow drops extra samples
        raise InputRefused(
            f"{what}: expected 1 or 3 samples per pixel, got {samples}", "remove the extra channels from a copy"
        )
    if any(kind != UNSIGNED for kind in tags.get(SAMPLE_FORMAT, (UNSIGNED,))):
        raise InputRefused(
            f"{what}: expected unsigned samples, got a TIFF of another kind", "convert a copy to unsigned 8 bits"
        )


def pnm_maximum(data: bytes) -> bytes:
    """Fourth word of a PNM header, without comments."""
    words = [word for line in data[:1024].split(b"\n") for word in line.split(b"#")[0].split()]
    return words[3] if len(words) > 3 else b""


def _hint(mode: str) -> str:
    return {
        "P": "palette images are not supported yet: convert a copy to RGB",
        "RGBA": "alpha is not supported yet: flatten a copy",
        "LA": "alpha is not supported yet: flatten a copy",
        "CMYK": "CMYK is not supported yet: convert a copy to RGB",
        "1": "1-bit images are not supported yet: convert a copy to grayscale",
    }.get(mode, "convert a copy to 8-bit RGB or grayscale")
