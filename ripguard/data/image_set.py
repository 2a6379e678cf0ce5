"""Images of a dataset as one array, for training: read from the files, brought to one size and three channels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from PIL import Image

from ripguard.data.source import Item
from ripguard.errors import InputRefused
from ripguard.executor import Local
from ripguard.images.decoding import read_image, size_of_image
from ripguard.progress import Bar

FEW = 2_000  # fewer are read in this process: starting others would take longer


@dataclass(frozen=True)
class ImageSet:
    """A split in memory.

    Attributes:
        images: uint8 ``[n, side, side, 3]``.
        labels: int64 ``[n]``, positions in ``names``.
        names: the classes, sorted.
        digest: hex SHA-256 over classes, labels and samples in order; equal digests mean equal training data.
    """

    images: np.ndarray
    labels: np.ndarray
    names: list[str]
    digest: str

    def part(self, chosen: np.ndarray) -> ImageSet:
        """The images at these positions, or where this bool ``[n]`` is true."""
        images, labels = self.images[chosen], self.labels[chosen]
        return ImageSet(images, labels, self.names, digest(images, labels, self.names))


def held_out(count: int) -> np.ndarray:
    """bool ``[count]``: the tenth of the training images that choices are made on, always the same ones."""
    held = np.zeros(count, bool)
    held[np.random.default_rng(0).permutation(count)[: count // 10]] = True
    return held


def load(items: Sequence[Item], side: int | None = None, workers: int = 1, note: str = "reading") -> ImageSet:
    """Read items. Images of one common square size up to 64 are taken as they are, else resized to 32 or 64 pixels.

    Raises:
        InputRefused: no items, or items without a label.
    """
    if not items:
        raise InputRefused(f"there are no images to read ({note})")
    nameless = sum(not item.label for item in items)
    if nameless:
        raise InputRefused(f"{nameless} of {len(items)} images have no label", "one folder for each class")
    items = sorted(items, key=lambda item: (item.label, item.name))
    names = sorted({item.label for item in items})
    images = read_square(items, side or common_side(items), workers, note)
    labels = np.array([names.index(item.label) for item in items], np.int64)
    return ImageSet(images, labels, names, digest(images, labels, names))


def common_side(items: Sequence[Item]) -> int:
    """The side all share, if they are square and at most 64 pixels; else 32 for small images, 64 for larger ones."""
    return side_for([size_of_image(item.path or item.read(), item.name) for item in items])  # no pixels are decoded


def side_for(sizes: Sequence[tuple[int, int]]) -> int:
    """The side at which images of these (width, height) are trained on."""
    width, height = sizes[0]
    if len(set(sizes)) == 1 and width == height <= 64:
        return width
    return 32 if np.median([min(size) for size in sizes]) <= 48 else 64


class Readable(Protocol):
    """An image of a source: what it is called, and its bytes."""

    @property
    def name(self) -> str: ...
    def read(self) -> bytes: ...


def read_square(items: Sequence[Readable], side: int, workers: int = 1, note: str = "reading") -> np.ndarray:
    """uint8 ``[n, side, side, 3]``; gray images get three equal channels, other sizes are resized (bilinear)."""
    run = Local(workers if len(items) > FEW else 1)
    found = run.map(_read_resized, items, partial(int, side), chunk=200)
    return np.stack(list(Bar(found, total=len(items), stage=note, unit="image")))


def digest(images: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> str:
    """Hex SHA-256 of a split in memory."""
    found = hashlib.sha256("\0".join(names).encode() + str(images.shape).encode())
    found.update(labels.astype("<i8").tobytes())
    found.update(np.ascontiguousarray(images).data)
    return found.hexdigest()


def _read_resized(side: int, item: Readable) -> np.ndarray:
    return square(read_image(item.read(), item.name), side)


def square(image: np.ndarray, side: int) -> np.ndarray:
    """uint8 ``[height, width, 1 or 3]`` → uint8 ``[side, side, 3]``; the same samples if it has that size."""
    rgb = np.broadcast_to(image, (*image.shape[:2], 3))
    if rgb.shape[:2] == (side, side):
        return np.ascontiguousarray(rgb)
    return np.asarray(Image.fromarray(np.ascontiguousarray(rgb)).resize((side, side), Image.Resampling.BILINEAR))
