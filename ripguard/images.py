"""Picture files ↔ uint8 arrays, exactly, or refused by name.

Accepted now: 8-bit RGB and 8-bit grayscale, one frame, in a lossless or lossy still format (what "exact" means for a
JPEG is its decoded pixels), and uint8 arrays in .npy files. Everything else is refused before any work: Pillow opens,
for example, a 16-bit RGB PNG as 8-bit without a word, so the file header is read as well.

A file may be a stranger's. :func:`opened` is the only way in which a decoder is called here. It bounds, before any
pixel is decoded, bytes (:data:`MAX_BYTES`), pixels (:data:`MAX_PIXELS`) and pieces (:data:`MAX_READS`: chunks,
segments, fill bytes); scans and EXIF segments of a JPEG, colour profiles of a PNG, comments of a PNM, strips of a TIFF,
of which only one frame is looked for, and pixels of a run-length coded BMP. What is left takes time in proportion to
bytes and pixels.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import re
import struct
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from ripguard.errors import InputRefused, RipguardError, StorageError
from ripguard.files import NotRegular, TooLarge, open_regular
from ripguard.panics import is_panic

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".pnm", ".npy"})
REFUSED_SUFFIXES = frozenset({".gif", ".apng", ".ico", ".jp2", ".jxl", ".avif", ".heic", ".eps", ".psd", ".tga"})
MAX_PIXELS = 50_000_000
MAX_BYTES = 12 * MAX_PIXELS  # a picture of MAX_PIXELS takes no more in any of the formats, decimal numbers included
MAX_SCANS = 100  # of a JPEG; encoders write about ten, and each costs a pass over all pixels
MAX_PROFILES = 64  # EXIF segments of a JPEG, which are joined one by one; colour profiles of a PNG, unpacked one by one
MAX_READS = 500_000  # in which a decoder may ask for a file; it takes 100,000 for a PNG of 200 MB
MAX_COMMENTS = 1_000  # of a PNM in decimal numbers: Pillow copies a block for each
MAX_STRIPS = 200_000  # of a TIFF, or tiles; as many as MAX_PIXELS have in tiles of 16×16
MAX_RUN_LENGTH = 4_000_000  # pixels of a run-length coded BMP, which Pillow decodes one by one
HEADER_READS, HEADER_BYTES = 100_000, 1 << 24  # after which a file must have told its size
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
STRIPS = (273, 324)  # TIFF tags: where strips and tiles stand
RUN_LENGTH = (1, 2)  # compression of a BMP; no other format says it in numbers


class _TooManyPieces(Exception):
    """A decoder asked for more than a picture has."""


class _Counted:
    """A file that gives up on who reads it piece by piece for ever, and at last gives no more bytes."""

    reads, left = MAX_READS, math.inf

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads -= 1
        if self.reads < 0:
            raise _TooManyPieces
        if self.left < math.inf:
            size = int(self.left) if size is None or size < 0 else min(size, int(self.left))
        data: bytes = super().read(size)  # type: ignore[misc]
        self.left -= len(data)
        return data


class _Bytes(_Counted, io.BytesIO):
    pass


class _Start(_Counted, io.BufferedReader):
    """The first bytes of an open file."""

    reads, left = HEADER_READS, HEADER_BYTES


class _BytesStart(_Counted, io.BytesIO):
    """The first ones of some bytes."""

    reads, left = HEADER_READS, HEADER_BYTES


def read_picture(
    source: str | Path | bytes, name: str | None = None, expected: tuple[int, ...] | None = None, follow: bool = True
) -> np.ndarray:
    """Decode one picture.

    Args:
        source: a path, or the bytes of a file.
        name: how to call it in messages.
        expected: height and width that it must have; one of another size is refused before its pixels are decoded.
        follow: whether a path may be a link.

    Returns:
        uint8 ``[height, width, channels]``, 1 channel for grayscale, 3 for RGB.

    Raises:
        InputRefused: unreadable, or of a kind that cannot be kept exactly.
        StorageError: it cannot be read just now: no permission, a failing disk, no memory.
    """
    what = name or (str(source) if not isinstance(source, bytes) else "picture")
    if isinstance(source, bytes):
        _check_beginning(source[:16], len(source), what)
    data = source if isinstance(source, bytes) else read_file(source, what, follow)
    if data.startswith(NPY):
        return _read_npy(data, what, expected)
    with opened(data, what, expected=expected) as image:
        _check(image, data, what)
        image.load()
        _check_loaded(image, what)
        array = np.asarray(image)
    if array.dtype != np.uint8:
        raise InputRefused(f"{what}: expected 8 bits per sample, got {array.dtype}")
    return np.ascontiguousarray(array if array.ndim == 3 else array[:, :, None])


@contextlib.contextmanager
def opened(
    data: bytes, what: str, formats: tuple[str, ...] = FORMATS, expected: tuple[int, ...] | None = None
) -> Iterator[Image.Image]:
    """A picture file whose header was read and whose structure is bounded; see the top of this file.

    Errors of the decoder inside the ``with`` become refusals.

    Args:
        what: how to call it in messages.
        formats: Pillow's names of what it may be.
        expected: height and width that it must have.

    Raises:
        InputRefused, StorageError: as :func:`read_picture`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged files, and of many pixels: what matters is said below
            _check_structure(data, what, expected)
            file = _Bytes(data) if len(data) > MAX_READS else io.BytesIO(data)  # smaller ones have no more pieces
            with Image.open(file, formats=formats) as image:
                _check_size(image.width, image.height, what, expected)
                yield image
    except RipguardError:
        raise
    except MemoryError:
        raise StorageError(f"out of memory while reading {what}", "try again with fewer --workers") from None
    except Image.DecompressionBombError:
        raise InputRefused(f"{what}: more than {MAX_PIXELS:,} pixels") from None
    except _TooManyPieces:
        raise InputRefused(f"{what}: a file of too many pieces", "save a copy as usual") from None
    except BaseException as error:  # decoders raise almost anything on damaged files, and all of it means the same
        if not isinstance(error, Exception) and not is_panic(error):
            raise
        raise InputRefused(f"{what}: not a readable {', '.join(formats)} picture", "is the file whole?") from None


def read_file(path: str | Path, what: str | None = None, follow: bool = True) -> bytes:
    """Bytes of what begins like a picture file; anything else is refused before it is read.

    Args:
        what: how to call it in messages.
        follow: whether a link to a file is one.

    Raises:
        InputRefused: not there, not a regular file, of no known format, or too large.
        StorageError: it cannot be read just now.
    """
    what = what or str(path)
    try:
        with open(open_regular(path, follow=follow), "rb") as file:
            size, start = os.fstat(file.fileno()).st_size, file.read(16)
            _check_beginning(start, size, what)
            data = start + file.read(max(0, size - len(start)) + 1)
    except (OSError, MemoryError) as error:
        raise cannot_read(error, what) from None
    if len(data) > size:
        raise InputRefused(f"{what}: it grew while it was read", "wait until it is written")
    return data


def read_by(reader: Callable[[], bytes], what: str) -> bytes:
    """Bytes of a picture file that are no file's here. Raises as :func:`read_file`, whatever the reader raises."""
    try:
        data = reader()
    except RipguardError:
        raise
    except (OSError, MemoryError) as error:
        raise cannot_read(error, what) from None
    except Exception as error:  # somebody else's code
        raise InputRefused(f"{what}: cannot be read: {type(error).__name__}: {error}") from error
    if not isinstance(data, bytes):
        raise InputRefused(f"{what}: expected bytes, got {type(data).__name__}")
    _check_beginning(data, len(data), what)
    return data


def _check_beginning(start: bytes, size: int, what: str) -> None:
    """Refuse what does not begin like a picture file, or has more bytes than one."""
    if not start.startswith(STARTS):
        raise InputRefused(f"{what}: not a readable {', '.join(FORMATS)} picture", "is the file whole?")
    if size > MAX_BYTES:
        raise InputRefused(f"{what}: {size:,} bytes, more than a picture of {MAX_PIXELS:,} pixels takes")


def cannot_read(error: OSError | MemoryError, what: str) -> RipguardError:
    """What an error of the system on opening or reading a file means: no such input, or not just now."""
    if isinstance(error, NotRegular):
        return InputRefused(f"{what}: {error.strerror}", "put a copy in its place")
    if isinstance(error, FileNotFoundError | NotADirectoryError | TooLarge):
        return InputRefused(f"{what}: cannot be read: {error.strerror}")
    if isinstance(error, MemoryError):
        return StorageError(f"out of memory while reading {what}", "try again with fewer --workers")
    return StorageError(f"{what}: cannot be read: {error.strerror or error}", "look after it and repeat the command")


def size_of_picture(source: str | Path | bytes, name: str | None = None) -> tuple[int, int]:
    """(width, height) of a picture file by its header; no pixels are decoded. Raises as :func:`read_picture`."""
    return _claims(source, name or ("picture" if isinstance(source, bytes) else str(source)))[:2]


def samples_claimed(source: str | Path | bytes) -> int:
    """How many samples a file, or its bytes, claims to have; 0 where it claims nothing, and costs nothing to read."""
    try:
        return math.prod(_claims(source, ""))
    except RipguardError:  # reading it will say what is wrong
        return 0


def _claims(source: str | Path | bytes, what: str) -> tuple[int, int, int]:
    """(width, height, channels) that a file's first bytes tell of. Raises as :func:`read_picture`."""
    try:
        with _beginning(source) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            start = file.read(32)
            file.seek(0)
            if start.startswith(NPY):
                shape, _, _ = _npy_header(file)
                if len(shape) in (2, 3):
                    return shape[1], shape[0], (*shape, 1)[2]
            elif size := _webp_size(start):
                return *size, 3
            elif start.startswith(STARTS):
                with Image.open(file, formats=FORMATS) as image:
                    return image.width, image.height, len(image.getbands())
    except (OSError, MemoryError) as error:
        if isinstance(error, MemoryError) or error.errno is not None:  # else of Pillow
            raise cannot_read(error, what) from None
    except Exception:  # as in `opened`
        start = b""
    raise InputRefused(f"{what}: not a readable {', '.join(FORMATS)} picture", "is the file whole?")


def _beginning(source: str | Path | bytes) -> _Start | _BytesStart:
    if isinstance(source, bytes):
        return _BytesStart(source)
    return _Start(io.FileIO(open_regular(source, follow=True)))


def _npy_header(file: io.BufferedIOBase) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether columns come first, and type of an array; the file then stands at its values."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, columns_first, kind = read(file)
    if any(type(side) is not int for side in shape):  # NumPy takes True for a number here, and not where it is used
        raise ValueError("shape")
    return shape, columns_first, kind


def _read_npy(data: bytes, what: str, expected: tuple[int, ...] | None) -> np.ndarray:
    """uint8 ``[height, width]`` or ``[height, width, 1 or 3]`` of an .npy file; nothing in it is unpickled."""
    try:
        file = io.BytesIO(data)
        shape, columns_first, kind = _npy_header(file)
    except Exception:  # as above
        raise InputRefused(f"{what}: not a readable .npy array", "is the file whole?") from None
    if kind != np.uint8 or len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (1, 3)):
        found = f"{kind} {list(shape)}"
        raise InputRefused(f"{what}: expected uint8 [height, width] or [height, width, 1 or 3], got {found}")
    if not 0 < shape[0] * shape[1] <= MAX_PIXELS or shape[0] < 0:
        raise InputRefused(f"{what}: expected 1 to {MAX_PIXELS:,} pixels, got {shape[1]}×{shape[0]}")
    _check_size(shape[1], shape[0], what, expected)
    if len(data) - file.tell() < math.prod(shape):
        raise InputRefused(f"{what}: not a readable .npy array", "is the file whole?")
    values = np.frombuffer(data, np.uint8, math.prod(shape), file.tell())
    array = values.reshape(shape, order="F" if columns_first else "C")
    return np.ascontiguousarray(array if array.ndim == 3 else array[:, :, None])


def file_suffix(data: bytes) -> str:
    """The usual suffix of a picture file: ``.jpg``, ``.png`` …; raises as :func:`read_picture`."""
    if data.startswith(NPY):
        return ".npy"
    with opened(data, "picture") as image:
        return {"JPEG": ".jpg", "TIFF": ".tif"}.get(str(image.format), f".{str(image.format).lower()}")


def metadata(data: bytes) -> tuple[str, ...]:
    """What a readable picture file carries beside its samples, of ``EXIF, ICC profile, gamma, text, XMP, IPTC``."""
    if data.startswith(NPY):
        return ()
    with opened(data, "picture") as image:
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


def _check_structure(data: bytes, what: str, expected: tuple[int, ...] | None) -> None:
    """Refuse what a decoder would spend more on than in proportion to its size."""
    if data.startswith(b"\xff\xd8"):
        # an SOS marker, with the length that scans of 1..4 components have: the shorter count is nearly always enough
        starts = [b"\xff\xda\0" + bytes([6 + 2 * parts, parts]) for parts in range(1, 5)]
        if data.count(b"\xff\xda\0") > MAX_SCANS and sum(map(data.count, starts)) > MAX_SCANS:
            raise InputRefused(f"{what}: a JPEG of more than {MAX_SCANS} scans", "save a copy as usual")
        if data.count(b"Exif\0\0") > MAX_PROFILES:
            raise InputRefused(f"{what}: a JPEG of more than {MAX_PROFILES} EXIF segments", "save a copy as usual")
    elif data.startswith(b"\x89PNG"):
        if data.count(b"iCCP") > MAX_PROFILES:
            raise InputRefused(f"{what}: a PNG of more than {MAX_PROFILES} colour profiles", "save a copy as usual")
    elif data.startswith((b"P1", b"P2", b"P3")):
        if data.count(b"#") > MAX_COMMENTS:
            raise InputRefused(f"{what}: a PNM of more than {MAX_COMMENTS:,} comments", "save a copy as usual")
    elif data.startswith((b"II", b"MM")):
        if len(data) > 2 * MAX_STRIPS:  # each of them takes two bytes to name
            _check_strips(data, what)
    elif size := _webp_size(data[:32]):  # its decoder makes room for all pixels as soon as it is opened
        _check_size(*size, what, expected)


def _check_size(width: int, height: int, what: str, expected: tuple[int, ...] | None) -> None:
    if width * height > MAX_PIXELS:
        raise InputRefused(f"{what}: {width}×{height} is more than {MAX_PIXELS:,} pixels")
    if expected and (height, width) != tuple(expected[:2]):
        raise InputRefused(f"{what}: expected a picture of {expected[1]}×{expected[0]}, got {width}×{height}")


def _check_strips(data: bytes, what: str) -> None:
    file = _Bytes(data)
    start = file.read(8)
    tags = ImageFileDirectory_v2(start + (file.read(8) if start[2:3] == b"+" else b""))  # as Pillow reads it
    file.seek(tags.next)
    tags.load(file)
    for tag in STRIPS:
        if isinstance(found := tags.get(tag), tuple) and len(found) > MAX_STRIPS:
            raise InputRefused(f"{what}: a TIFF of more than {MAX_STRIPS:,} strips or tiles", "save a copy as usual")


def _webp_size(start: bytes) -> tuple[int, int] | None:
    """(width, height) that the first 30 bytes of a WebP file tell of; None for other files and incomplete ones."""
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


def _check(image: Image.Image, data: bytes, what: str) -> None:
    if image.mode not in ("RGB", "L"):
        raise InputRefused(f"{what}: expected 8-bit RGB or grayscale, got mode {image.mode}", _hint(image.mode))
    if image.format == "PNG":
        _check_png(data, what)
    if image.format == "TIFF":
        _check_tiff(image, what)
    if image.format == "PPM":
        _check_pnm(data, what)
    if image.info.get("compression") in RUN_LENGTH and image.width * image.height > MAX_RUN_LENGTH:
        raise InputRefused(f"{what}: a run-length coded BMP of more than {MAX_RUN_LENGTH:,} pixels", "save it as PNG")
    frames = getattr(image, "n_frames", 1) if image.format != "TIFF" else "more" if _goes_on(image) else 1
    if frames != 1:
        raise InputRefused(f"{what}: expected one frame, got {frames}", "export the frame you mean")
    if image.getexif().get(ORIENTATION, 1) not in (0, 1):  # 0: none
        raise InputRefused(f"{what}: its EXIF orientation would be lost", "turn the pixels of a copy upright first")


def _goes_on(image: Image.Image) -> bool:
    """Whether a TIFF has a second frame; to count them, all would be read."""
    return bool(image.is_animated)  # type: ignore[attr-defined]


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
