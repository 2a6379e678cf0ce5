"""The images of a release of scheme ``privdl`` as they are published, for networks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ripguard.bar import Bar
from ripguard.crypto.aead import image_digest
from ripguard.data.image_set import side_for, square
from ripguard.errors import Damaged, InputRefused, RipguardError, some
from ripguard.images.reencoded import file_bytes, read_published
from ripguard.release.manifest import Release
from ripguard.release.spelling import found_at
from ripguard.train.protected import UNLABELLED

LARGEST = 64  # pixels: sides up to it are trained on as they are


@dataclass(frozen=True)
class Scrambled:
    """A split as it is published.

    Attributes:
        names: paths in the release; images: uint8 ``[n, side, side, 3]``; labels: int64 ``[n]``, −1: none.
    """

    names: list[str]
    images: np.ndarray
    labels: np.ndarray


def side_of(release: Release) -> int:
    """Side of all images in pixels. Raises :class:`InputRefused` if they are not squares that networks take."""
    shapes = sorted({tuple(row["shape"][:2]) for row in release.rows})
    if len(shapes) == 1 and shapes[0][0] == shapes[0][1] <= LARGEST:
        return side_for([(shapes[0][1], shapes[0][0])])
    sizes = [f"{width}×{height}" for height, width in shapes]
    raise InputRefused(
        f"{release.name}: expected images of one size, squares of at most {LARGEST} pixels, got " + some(sizes, most=5),
        "resize the source before it is protected: a scrambled image cannot be resized",
    )


def published(release: Release, split: str, classes: list[str], as_restored: bool = False) -> Scrambled:
    """The images of a split, or with "" of all, checked against the manifest.

    Args:
        as_restored: leave images without a label out of a split that has labels, as
            :class:`ripguard.train.protected.ProtectedDataset` does.

    Raises:
        InputRefused: there is no such split.
        Damaged: images are missing or changed.
    """
    units, side = release.info["units"], side_of(release)
    rows = [row for row in release.rows if split in ("", units[row["unit"]]["split"])]
    if not rows:
        there = ", ".join(sorted({unit["split"] for unit in units}))
        raise InputRefused(f"{release.name} has no split {split!r}", f"it has {there}")
    if as_restored and any(units[row["unit"]]["label"] for row in rows):
        rows = [row for row in rows if units[row["unit"]]["label"]]
    numbers = {name: number for number, name in enumerate(classes)} | {"": UNLABELLED}
    images, bad = [], []
    for row in Bar(rows, total=len(rows), stage=f"reading {split}".strip(), unit="image"):
        try:
            data = file_bytes(found_at(release, row["path"]))
            image = read_published(data, row["path"], row["shape"])
            if image_digest(image).hex() != row["pixels"]:
                raise Damaged(row["path"])
            images.append(square(image, side))
        except RipguardError:
            bad.append(row["path"])
    if bad:
        raise Damaged(f"{len(bad):,} images of {release.name} are missing or changed: {some(bad)}", "get fresh copies")
    labels = np.array([numbers[units[row["unit"]]["label"]] for row in rows], np.int64)
    return Scrambled([row["path"] for row in rows], np.stack(images), labels)
