"""Read the images of a dataset into one array for training, with one size and three channels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from PIL import Image

from ripguard.bar import Bar
from ripguard.data.source import Item
from ripguard.errors import InputRefused
from ripguard.executor import Local
from ripguard.images.decoding import read_image, size_of_image
from ripguard.images.rendering import render

FEW = 2_000  # up to so many images, one process is faster than starting more


@dataclass(frozen=True)
class ImageSet:
    """A split in memory.

    Attributes:
        images: uint8 ``[n, side, side, 3]``.
        labels: int64 ``[n]``, indices into ``names``.
        names: class names, sorted.
        digest: hex SHA-256 over classes, labels and samples in order; equal digests mean equal training data.
    """

    images: np.ndarray
    labels: np.ndarray
    names: list[str]
    digest: str

    def part(self, chosen: np.ndarray) -> ImageSet:
        """The images at these indices, or where this bool ``[n]`` is true."""
        images, labels = self.images[chosen], self.labels[chosen]
        return ImageSet(images, labels, self.names, digest(images, labels, self.names))


def held_out(count: int) -> np.ndarray:
    """bool ``[count]``: a fixed tenth of the training images, for validation."""
    held = np.zeros(count, bool)
    held[np.random.default_rng(0).permutation(count)[: count // 10]] = True
    return held


def load(
    items: Sequence[Item], side: int | None = None, workers: int = 1, note: str = "reading", published: bool = False
) -> ImageSet:
    """Read images and labels.

    Args:
        side: in pixels; None: see :func:`common_side`.
        workers: processes.
        note: stage name for progress and messages.
        published: whether these are images of a release, which must be exact 8-bit images.

    Raises:
        InputRefused: no items, or items without a label.
    """
    if not items:
        raise InputRefused(f"there are no images to read ({note})")
    nameless = sum(not item.label for item in items)
    if nameless:
        raise InputRefused(f"{nameless} of {len(items)} images have no label", "use one folder for each class")
    items = sorted(items, key=lambda item: (item.label, item.name))
    names = sorted({item.label for item in items})
    images = read_square(items, side or common_side(items), workers, note, published)
    labels = np.array([names.index(item.label) for item in items], np.int64)
    return ImageSet(images, labels, names, digest(images, labels, names))


def common_side(items: Sequence[Item]) -> int:
    """Side in pixels: that of the images if they are equal squares up to 64, otherwise 32 for small images or 64."""
    return side_for([size_of_image(item.path or item.read(), item.name) for item in items])  # reads headers only


def side_for(sizes: Sequence[tuple[int, int]]) -> int:
    """Side in pixels for training on images of these (width, height)."""
    width, height = sizes[0]
    if len(set(sizes)) == 1 and width == height <= 64:
        return width
    return 32 if np.median([min(size) for size in sizes]) <= 48 else 64


class Readable(Protocol):
    """An image with a name and bytes."""

    @property
    def name(self) -> str: ...
    def read(self) -> bytes: ...


def read_square(
    items: Sequence[Readable], side: int, workers: int = 1, note: str = "reading", published: bool = False
) -> np.ndarray:
    """uint8 ``[n, side, side, 3]``; gray images get three equal channels, other sizes are resized (bilinear)."""
    run = Local(workers if len(items) > FEW else 1)
    found = run.map(_read_published if published else _read_resized, items, partial(int, side), chunk=200)
    return np.stack(list(Bar(found, total=len(items), stage=note, unit="image")))


def digest(images: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> str:
    """Hex SHA-256 of a split in memory."""
    found = hashlib.sha256("\0".join(names).encode() + str(images.shape).encode())
    found.update(labels.astype("<i8").tobytes())
    found.update(np.ascontiguousarray(images).data)
    return found.hexdigest()


def _read_resized(side: int, item: Readable) -> np.ndarray:
    return square(render(item.read(), item.name).image, side)


def _read_published(side: int, item: Readable) -> np.ndarray:
    return square(read_image(item.read(), item.name), side)


def square(image: np.ndarray, side: int) -> np.ndarray:
    """uint8 ``[height, width, 1 or 3]`` → uint8 ``[side, side, 3]``, resized (bilinear) only if necessary."""
    rgb = np.broadcast_to(image, (*image.shape[:2], 3))
    if rgb.shape[:2] == (side, side):
        return np.ascontiguousarray(rgb)
    return np.asarray(Image.fromarray(np.ascontiguousarray(rgb)).resize((side, side), Image.Resampling.BILINEAR))
