"""Picture files ↔ uint8 arrays, exactly, or refused by name.

Accepted now: 8-bit RGB and 8-bit grayscale, one frame, in a lossless or lossy still format (what "exact" means for a
JPEG is its decoded pixels), and uint8 arrays in .npy files. Everything else is refused before any work: Pillow opens,
for example, a 16-bit RGB PNG as 8-bit without a word, so the file header is read as well.
"""

from __future__ import annotations

import io
import os
import re
import stat
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from ripguard.errors import InputRefused

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".pnm", ".npy"})
REFUSED_SUFFIXES = frozenset({".gif", ".apng", ".ico", ".jp2", ".jxl", ".avif", ".heic", ".eps", ".psd", ".tga"})
MAX_PIXELS = 50_000_000
MAX_BYTES = 12 * MAX_PIXELS  # a picture of MAX_PIXELS takes no more in any of the formats, decimal numbers included
MAX_SCANS = 100  # of a progressive JPEG; encoders write about ten, and each costs a pass over all pixels
NPY = b"\x93NUMPY"
TIFFS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
STARTS = (
    NPY,
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8",
    b"RIFF",
    b"BM",
    *TIFFS,
    *(b"P%d" % n for n in range(1, 8)),
    b"Pf",
    b"PF",
)
PNG_END = b"IEND\xaeB`\x82"
ORIENTATION = 274  # EXIF tag
SAMPLES_PER_PIXEL, SAMPLE_FORMAT, UNSIGNED = 277, 339, 1  # TIFF tags


def read_picture(source: str | Path | bytes, name: str | None = None) -> np.ndarray:
    """Decode one picture.

    Args:
        source: a path, or the bytes of a file.
        name: how to call it in messages.

    Returns:
        uint8 ``[height, width, channels]``, 1 channel for grayscale, 3 for RGB.

    Raises:
        InputRefused: unreadable, or of a kind that cannot be kept exactly.
    """
    what = name or (str(source) if not isinstance(source, bytes) else "picture")
    data = source if isinstance(source, bytes) else read_file(source, what)
    if data.startswith(NPY):
        return _read_npy(data, what)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged files: what matters is said below
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                _check(image, data, what)
                image.load()
                _check_loaded(image, what)
                array = np.asarray(image)
    except InputRefused:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InputRefused(f"{what}: more than {MAX_PIXELS:,} pixels") from None
    except Exception:  # decoders raise almost anything on damaged files, and all of it means the same
        raise InputRefused(f"{what}: not a readable {', '.join(FORMATS)} picture", "is the file whole?") from None
    if array.dtype != np.uint8:
        raise InputRefused(f"{what}: expected 8 bits per sample, got {array.dtype}")
    return np.ascontiguousarray(array if array.ndim == 3 else array[:, :, None])


def read_file(path: str | Path, what: str | None = None) -> bytes:
    """Bytes of what begins like a picture file; anything else is refused before it is read.

    Raises:
        InputRefused: unreadable, not a regular file, of no known format, or too large.
    """
    what = what or str(path)
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise InputRefused(f"{what}: not a regular file", "put a copy in its place")
        with open(path, "rb") as file:
            size, start = os.fstat(file.fileno()).st_size, file.read(16)
            if not start.startswith(STARTS):
                raise InputRefused(f"{what}: not a readable {', '.join(FORMATS)} picture", "is the file whole?")
            if size > MAX_BYTES:
                raise InputRefused(f"{what}: {size:,} bytes, more than a picture of {MAX_PIXELS:,} pixels takes")
            return start + file.read()
    except OSError as error:
        raise InputRefused(f"{what}: cannot be read: {error.strerror}") from None


def samples_claimed(path: str | Path) -> int:
    """How many samples a file has, by its first bytes; 0 where they say nothing, which costs nothing to read."""
    try:
        with warnings.catch_warnings(), open(path, "rb") as file:
            warnings.simplefilter("ignore")
            if file.read(len(NPY)) == NPY:
                return os.fstat(file.fileno()).st_size
            file.seek(0)
            with Image.open(file, formats=FORMATS) as image:
                return image.width * image.height * len(image.getbands())
    except Exception:  # reading it will say what is wrong
        return 0


def _read_npy(data: bytes, what: str) -> np.ndarray:
    """uint8 ``[height, width]`` or ``[height, width, 1 or 3]`` of an .npy file; nothing in it is unpickled."""
    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except Exception:  # as above
        raise InputRefused(f"{what}: not a readable .npy array", "is the file whole?") from None
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3)):
        found = f"{array.dtype} {list(array.shape)}"
        raise InputRefused(f"{what}: expected uint8 [height, width] or [height, width, 1 or 3], got {found}")
    if not array.size or array.shape[0] * array.shape[1] > MAX_PIXELS:
        raise InputRefused(f"{what}: expected 1 to {MAX_PIXELS:,} pixels, got {array.shape[1]}×{array.shape[0]}")
    return np.ascontiguousarray(array if array.ndim == 3 else array[:, :, None])


def file_suffix(data: bytes) -> str:
    """The usual suffix of a readable picture file: ``.jpg``, ``.png`` …"""
    if data.startswith(NPY):
        return ".npy"
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        return {"JPEG": ".jpg", "TIFF": ".tif"}.get(str(image.format), f".{str(image.format).lower()}")


def metadata(data: bytes) -> tuple[str, ...]:
    """What a readable picture file carries beside its samples, of ``EXIF, ICC profile, gamma, text, XMP, IPTC``."""
    if data.startswith(NPY):
        return ()
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        info = image.info
        found = {
            "EXIF": bool(image.getexif()) and image.format != "TIFF",  # TIFF keeps its own structure there
            "ICC profile": "icc_profile" in info,
            "gamma": bool({"gamma", "chromaticity", "srgb"} & set(info)) or bool(re.search(b"cICP", data[:4096])),
            "text": bool(getattr(image, "text", None)) or "comment" in info,
            "XMP": "xmp" in info,
            "IPTC": "photoshop" in info,
        }
    return tuple(name for name, there in found.items() if there)


def _check(image: Image.Image, data: bytes, what: str) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise InputRefused(f"{what}: {image.width}×{image.height} is more than {MAX_PIXELS:,} pixels")
    if image.mode not in ("RGB", "L"):
        raise InputRefused(f"{what}: expected 8-bit RGB or grayscale, got mode {image.mode}", _hint(image.mode))
    if image.format == "PNG":
        _check_png(data, what)
    if image.format == "TIFF":
        _check_tiff(image, what)
    if image.format == "PPM":
        _check_pnm(data, what)
    if image.format == "JPEG" and image.info.get("progressive") and data.count(b"\xff\xda") > MAX_SCANS:
        raise InputRefused(f"{what}: a progressive JPEG of more than {MAX_SCANS} scans", "save a copy as usual")
    if (frames := getattr(image, "n_frames", 1)) != 1:
        raise InputRefused(f"{what}: expected one frame, got {frames}", "export the frame you mean")
    if image.getexif().get(ORIENTATION, 1) not in (0, 1):  # 0: none
        raise InputRefused(f"{what}: its EXIF orientation would be lost", "turn the pixels of a copy upright first")


def _check_loaded(image: Image.Image, what: str) -> None:
    """What is known when all of a file was read only."""
    if "transparency" in image.info:
        raise InputRefused(f"{what}: a transparent colour would be lost", "flatten a copy first")


def _check_png(data: bytes, what: str) -> None:
    if data[12:16] != b"IHDR" or data.count(b"\0\0\0\rIHDR") != 1:
        raise InputRefused(f"{what}: not a readable PNG picture", "does it begin with its one header chunk?")
    if data[24] != 8:
        raise InputRefused(f"{what}: expected 8 bits per sample, got a {data[24]}-bit PNG", "convert a copy to 8 bits")
    if PNG_END not in data:  # Pillow shows all pixels of some truncated files
        raise InputRefused(f"{what}: the PNG file is cut off", "get a whole copy")


def _check_tiff(image: Image.Image, what: str) -> None:
    tags = image.tag_v2  # type: ignore[attr-defined]
    if any(bits != 8 for bits in tags.get(258, (8,))):
        raise InputRefused(f"{what}: expected 8 bits per sample, got a deeper TIFF", "convert a copy to 8 bits")
    if (samples := tags.get(SAMPLES_PER_PIXEL, 1)) != len(image.getbands()):  # Pillow drops what it has no name for
        raise InputRefused(f"{what}: expected 1 or 3 samples a pixel, got {samples}", "keep the others elsewhere")
    if any(kind != UNSIGNED for kind in tags.get(SAMPLE_FORMAT, (UNSIGNED,))):
        raise InputRefused(f"{what}: expected unsigned samples, got a TIFF of another kind", "convert a copy")


def _check_pnm(data: bytes, what: str) -> None:
    if _pnm_maximum(data) != b"255":
        raise InputRefused(f"{what}: expected 8 bits per sample, got a PNM with another maximum")
    if data[1:2] in b"123" and not data[-1:].isspace():  # decimal numbers: one that is cut off is another one
        raise InputRefused(f"{what}: its last number may be cut off", "end the file with a line break")


def _pnm_maximum(data: bytes) -> bytes:
    """Fourth word of a PNM header, comments left out."""
    words = [word for line in data[:1024].split(b"\n") for word in line.split(b"#")[0].split()]
    return words[3] if len(words) > 3 else b""


def _hint(mode: str) -> str:
    return {
        "P": "palette pictures are not supported yet: convert a copy to RGB",
        "RGBA": "alpha is not supported yet: flatten a copy",
        "LA": "alpha is not supported yet: flatten a copy",
        "CMYK": "CMYK is not supported yet: convert a copy to RGB",
        "1": "1-bit pictures are not supported yet: convert a copy to grayscale",
    }.get(mode, "convert a copy to 8-bit RGB or grayscale")


def png_bytes(picture: np.ndarray) -> bytes:
    """uint8 ``[height, width, 1 or 3]`` → PNG file bytes."""
    buffer = io.BytesIO()
    Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()
