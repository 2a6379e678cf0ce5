"""TIFF files whose samples Pillow does not give as they are: more than 8 bits, other numbers, other bands.

:mod:`tifffile` reads the first page. Segments are decompressed with a limit first: zlib has none in tifffile.
"""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass

import numpy as np
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from ripguard import libraries
from ripguard.errors import InputRefused
from ripguard.images.formats import missing
from ripguard.images.gate import counted, quiet
from ripguard.images.limits import ORIENTATION, RAISE, SAMPLE_FORMAT, SAMPLES_PER_PIXEL, max_bytes, max_pixels
from ripguard.images.refusals import check_size

BITS, COMPRESSION, PHOTOMETRIC, PREDICTOR, PAGES, EXTRA, PROFILE = 258, 259, 262, 317, 330, 338, 34675  # tags
NONE, ZIP = (1,), (8, 32946)  # compressions
WHITE_IS_ZERO, RGB, PALETTE, SEPARATED, YCBCR, LAB = 0, 2, 3, 5, 6, 8  # photometric interpretations
ASSOCIATED, UNASSOCIATED = 1, 2  # kinds of an extra sample that is alpha
SIGNED, FLOAT = 2, 3  # sample formats
MAX_BANDS = 1024
KNOWN = {RGB: 3, PALETTE: 1, SEPARATED: 4, YCBCR: 3, LAB: 3}  # samples without extra ones; else 1


@dataclass(frozen=True, slots=True)
class Page:
    """Tags of the first page."""

    bits: int
    sample_format: int
    samples: int
    photometric: int
    extra: tuple[int, ...]
    compression: int
    predictor: int
    more: bool  # other pages, also those below this one, such as the raw samples of a DNG
    width: int
    height: int

    @property
    def alpha(self) -> bool:
        """Whether the sample behind those of the color is alpha."""
        return bool(self.extra) and self.extra[0] in (ASSOCIATED, UNASSOCIATED)

    @property
    def others(self) -> int:
        """Number of samples that are neither color nor alpha."""
        return max(0, self.samples - KNOWN.get(self.photometric, 1) - self.alpha)

    @property
    def odd(self) -> bool:
        """Whether Pillow does not give all samples as they are."""
        return self.bits > 8 or self.sample_format != 1 or self.others > 0

    @property
    def plain(self) -> bool:
        """Whether :func:`read` decompresses it."""
        return self.compression in NONE + ZIP and self.predictor in (1, 2)

    @property
    def usual(self) -> bool:
        """Whether Pillow reads it, whatever its compression: other color, and gray or color of integers to 16 bits."""
        if self.photometric in (PALETTE, SEPARATED, YCBCR, LAB):
            return True
        return self.others == 0 and (
            (self.sample_format == 1 and self.bits <= 16) or (self.samples == 1 and self.bits <= 32)
        )

    def kinds(self) -> list[str]:
        """What an 8-bit rendering does not show, orientation and profile left out."""
        found = ["several frames"] if self.more else []
        found += ["alpha"] if self.alpha else []
        found += ["other bands"] if self.others else []
        if self.sample_format == FLOAT:
            return [*found, "floating point"]
        found += ["signed samples"] if self.sample_format == SIGNED else []
        if self.bits > 8:
            found.append("16 bits" if self.bits <= 16 else "32 bits" if self.bits <= 32 else "64 bits")
        elif self.bits in (2, 4) and self.photometric != PALETTE:
            found.append(f"{self.bits} bits")
        return found


def page(file: io.BytesIO | io.BufferedReader) -> Page:
    """Tags of a file's first page. Raises errors of many types on damaged files."""
    start = file.read(8)
    tags = ImageFileDirectory_v2(start + (file.read(8) if start[2:3] == b"+" else b""))  # as Pillow reads it
    file.seek(tags.next)
    tags.load(file)

    def all_of(tag: int, default: tuple[int, ...]) -> tuple[int, ...]:
        value = tags.get(tag, default)
        return tuple(int(one) for one in (value if isinstance(value, tuple) else (value,)))

    def first(tag: int, default: int) -> int:
        return all_of(tag, (default,))[0]

    return Page(
        bits=max(all_of(BITS, (1,))),
        sample_format=first(SAMPLE_FORMAT, 1),
        samples=first(SAMPLES_PER_PIXEL, 1),
        photometric=first(PHOTOMETRIC, 1),
        extra=all_of(EXTRA, ()),
        compression=first(COMPRESSION, 1),
        predictor=first(PREDICTOR, 1),
        more=bool(tags.next) or PAGES in tags,
        width=first(256, 0),
        height=first(257, 0),
    )


def read(data: bytes, what: str) -> tuple[np.ndarray, int, bytes | None]:
    """Samples of the first page, ``[height, width, samples]``, EXIF orientation, and ICC profile.

    Raises:
        DecoderMissing: tifffile is not installed.
        InputRefused: truncated, too large, or with volumes. Errors of other types on damaged files.
    """
    try:
        import tifffile
    except ImportError:
        raise missing(what, "TIFF", libraries.advice("tifffile")) from None

    with quiet("tifffile"), tifffile.TiffFile(counted(data)) as file:
        one = file.pages[0]
        if not isinstance(one, tifffile.TiffPage):
            raise ValueError("no page")
        check_size(one.imagewidth, one.imagelength, what, None)
        if one.imagedepth != 1 or one.dtype is None or one.samplesperpixel > MAX_BANDS:
            raise InputRefused(f"{what}: a TIFF of volumes or unknown numbers", "export one image to a file")
        whole = one.imagewidth * one.imagelength * one.samplesperpixel * one.dtype.itemsize
        if whole > max_bytes():
            raise InputRefused(f"{what}: samples of more bytes than an image of {max_pixels():,} pixels takes", RAISE)
        _check_segments(data, what, one, whole)
        values = one.asarray(maxworkers=1)
        tag, profile = one.tags.get(ORIENTATION), one.tags.get(PROFILE)
        shape = one.imagelength, one.imagewidth, one.samplesperpixel
        if one.planarconfig == 2 and one.samplesperpixel > 1:
            values = np.moveaxis(values.reshape(shape[2], *shape[:2]), 0, 2)
        turn = tag.value if tag is not None else 1
        return (
            values.reshape(shape),
            turn if isinstance(turn, int) else 1,
            profile.value if profile is not None else None,
        )


def _check_segments(data: bytes, what: str, one, whole: int) -> None:  # type: ignore[no-untyped-def]
    """Refuse segments that lie outside the file, or that decompress to more or less than the image."""
    most, compressed = 4 * whole + (1 << 20), int(one.compression) in ZIP  # tiles reach over the edges
    left = most
    total = 0
    for at, length in zip(one.dataoffsets, one.databytecounts):
        if at + length > len(data) or not length:  # tifffile makes up the pixels of an empty segment
            raise InputRefused(f"{what}: the TIFF file is truncated", "get a complete copy")
        total += length
        if compressed:
            decoder = zlib.decompressobj()
            waiting = data[at : at + length]
            while waiting and not decoder.eof and left >= 0:
                left -= len(decoder.decompress(waiting, 1 << 20))
                waiting = decoder.unconsumed_tail
        if left < 0 or total > 2 * len(data) + most:
            raise InputRefused(f"{what}: a TIFF whose strips or tiles are larger than its image", "save a copy of it")
    if (most - left if compressed else total) < whole:
        raise InputRefused(f"{what}: the TIFF file is truncated", "get a complete copy")
