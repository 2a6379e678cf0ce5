"""Small image files of every mode and container, and how each must look in 8 bits.

Libraries and :mod:`made` write the files from crops of real photographs. Each crop is 48×40 and differs in its corners,
so that turned and mirrored images show. The references are computed from the crop, not by the code that is tested.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import skimage.data
from PIL import Image


@dataclass(frozen=True)
class Sample:
    """One file.

    Attributes:
        name: unique, with a suffix.
        reference: the upright 8-bit rendering, uint8 ``[height, width, 1 or 3]``; None: the file is refused.
        tolerance: most levels by which any sample of the rendering may differ.
        differs: expected kinds, in any order.
    """

    name: str
    data: bytes
    reference: np.ndarray | None
    tolerance: int = 0
    differs: tuple[str, ...] = ()


def saved(image: Image.Image | np.ndarray, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, kind, **options)
    return buffer.getvalue()


@functools.cache
def photo(number: int = 0) -> np.ndarray:
    """uint8 ``[40, 48, 3]``, a reduced part of a photograph."""
    whole, y, x = ((skimage.data.astronaut, 0, 130), (skimage.data.chelsea, 50, 80), (skimage.data.coffee, 60, 100))[
        number
    ]
    part = Image.fromarray(whole()[y : y + 200, x : x + 240]).reduce(5)
    return np.asarray(part)


def gray(number: int = 0) -> np.ndarray:
    """uint8 ``[40, 48]``."""
    return np.asarray(Image.fromarray(photo(number)).convert("L"))


@functools.cache
def alpha() -> np.ndarray:
    """uint8 ``[40, 48]``: opaque in the middle, transparent in a corner, half transparent elsewhere."""
    y, x = np.mgrid[:40, :48]
    return np.where((y < 12) & (x < 16), 0, np.where((y - 20) ** 2 + (x - 24) ** 2 < 200, 255, 128)).astype(np.uint8)


def flat(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The image on white."""
    part = mask.astype(float)[..., None] / 255
    return np.round(cube(image) * part + 255 * (1 - part)).astype(np.uint8)


def cube(image: np.ndarray) -> np.ndarray:
    return image if image.ndim == 3 else image[:, :, None]


def stored(upright: np.ndarray, orientation: int) -> np.ndarray:
    """The pixels that a file of this EXIF orientation has."""
    return {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: np.rot90(a, -1),
    }[orientation](upright).copy()


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[274] = orientation
    return tags


def full(values: np.ndarray) -> np.ndarray:
    """Unsigned 16 bits → 8 bits, linear."""
    return np.round(values / 257).astype(np.uint8)


@functools.cache
def corpus() -> list[Sample]:
    """All samples, sorted by name; names are unique."""
    import corpus_other
    import corpus_pillow
    import corpus_raw
    import corpus_tiff

    found: list[Sample] = []
    for part in (corpus_pillow, corpus_raw, corpus_tiff, corpus_other):
        made: Iterator[Sample] = part.samples()
        found += made
    assert len({one.name for one in found}) == len(found)
    return sorted(found, key=lambda one: one.name)
