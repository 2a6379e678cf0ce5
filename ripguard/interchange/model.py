"""An annotated dataset, whatever format it had: classes, splits, samples, and what only one format knows (``extras``).

Coordinates are float64 pixels, as stored. Values are those of JSON. Readers leave out what is a format's default
(``iscrowd: 0``, ``pose: Unspecified``), and writers write it, so that defaults of one format are no losses in another.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from ripguard.files import read_regular
from ripguard.images.limits import max_bytes

Table = Mapping[str, Any]
Box = tuple[float, float, float, float]  # x and y of the upper left corner, width, height: pixels
MOST_FILE = 1 << 32  # bytes of a file that is no image


@dataclass(frozen=True)
class Media:
    """The bytes of a file: where they are, how many, and how to get them. Two are equal if their bytes may be.

    Attributes:
        read: returns the bytes. It can be pickled, for workers.
        bytes: their number.
        path: the file, None if the bytes are part of another one.
    """

    read: Callable[[], bytes] = field(compare=False, repr=False)
    bytes: int
    path: Path | None = field(default=None, compare=False)


def media_of(path: Path, size: int, image: bool = True) -> Media:
    """The bytes of a regular file. Reading raises :class:`OSError` if it is gone, or too large."""
    return Media(partial(read_regular, path, max_bytes() if image else MOST_FILE, True), size, path)


@dataclass(frozen=True)
class Object:
    """One annotated object of an image.

    Attributes:
        label: name of its class.
        box: float64 ``(x, y, width, height)`` in pixels, None without one.
        polygons: rings ``(x1, y1, x2, y2, …)`` in pixels.
        mask: a mask as COCO stores it, ``{"size": [height, width], "counts": …}``.
        keypoints: ``(x1, y1, visibility1, …)``.
        attributes: ``iscrowd``, ``area``, ``difficult``, ``truncated``, ``pose`` and others.
        extras: format → what only this format knows about the object.
    """

    label: str
    box: Box | None = None
    polygons: tuple[tuple[float, ...], ...] = ()
    mask: Table | None = None
    keypoints: tuple[float, ...] = ()
    attributes: Table = field(default_factory=dict)
    extras: Mapping[str, Table] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    """One image with its annotations.

    Attributes:
        name: POSIX path within its split, unique there.
        media: the file.
        width, height: pixels, as the header of the file states them.
        split: ``train``, ``val``, ``test`` … or "" for none.
        labels: classes of the whole image.
        objects, captions: in the order of the source.
        attributes, extras: as of :class:`Object`.
    """

    name: str
    media: Media
    width: int
    height: int
    split: str = ""
    labels: tuple[str, ...] = ()
    objects: tuple[Object, ...] = ()
    captions: tuple[str, ...] = ()
    attributes: Table = field(default_factory=dict)
    extras: Mapping[str, Table] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        return self.split, self.name


@dataclass(frozen=True)
class Annotated:
    """A dataset.

    Attributes:
        classes: names; the number of a class is its place.
        samples: in the order of the source.
        folders: split → its name in the source, where that differs: ``{"train": "train2017"}``.
        about_classes: class → format → what only this format knows about it.
        extras: format → what only this format knows about the dataset.
        files: relative path → a file of the source that no sample uses. The same format gets them back.
        source: name of the format that was read; "" for a dataset made in memory.
    """

    classes: tuple[str, ...]
    samples: tuple[Sample, ...]
    folders: Mapping[str, str] = field(default_factory=dict)
    about_classes: Mapping[str, Mapping[str, Table]] = field(default_factory=dict)
    extras: Mapping[str, Table] = field(default_factory=dict)
    files: Mapping[str, Media] = field(default_factory=dict)
    source: str = field(default="", compare=False)

    @cached_property
    def splits(self) -> tuple[str, ...]:
        """Splits, in the order of their first samples."""
        return tuple(dict.fromkeys(sample.split for sample in self.samples))

    def of(self, split: str) -> Iterator[Sample]:
        """Samples of one split."""
        return (sample for sample in self.samples if sample.split == split)

    def folder(self, split: str) -> str:
        """Name of a split's folder."""
        return self.folders.get(split, split)

    def ordered(self) -> Annotated:
        """The same dataset with samples by split and name: the order is a format's, and no content."""
        return dataclasses.replace(self, samples=tuple(sorted(self.samples, key=lambda one: one.key)))
