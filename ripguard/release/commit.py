"""Commits: one small file in the working folder for each finished shard, and their totals.

A commit contains a line about the shard, then the manifest line of each of its images. The manifest is assembled from
the files, so memory does not grow with the number of images.
"""

from __future__ import annotations

import itertools
import json
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ripguard.errors import StorageError
from ripguard.release.plan import Plan
from ripguard.release.record import VERSION, canonical
from ripguard.store.atomic import storage, write_file
from ripguard.store.schema import check_commit, check_row

LIKENESS = ("psnr", "ssim")
OTHERS = ("to_carrier", "to_clean")  # what a published image is compared with
MOST_SSIM = 2_000  # images whose SSIM is measured, about


def with_ssim(index: int, images: int) -> bool:
    """Whether the SSIM of this image of a release is measured: of every second, in large releases of every n-th.

    SSIM to the carrier and to the clean image then take no longer together than one of them for all images.
    """
    return index % max(2, images // MOST_SSIM) == 0


@dataclass(frozen=True)
class Commit:
    """A finished shard.

    Attributes:
        rows: manifest rows, in the order of the shard's images.
        residue: name, hex SHA-256 and bytes of its residue file; None if it has none.
        to_carrier: PSNR and SSIM of each published image to its carrier. They stay with the owner.
        to_clean: the same to its clean image. SSIM is that of some images, see :func:`with_ssim`.
        over_bound: number of images with payload whose residue is larger than what it replaces and its overhead.
    """

    rows: list[dict[str, Any]]
    residue: list[Any] | None
    to_carrier: list[dict[str, float | None]]
    to_clean: list[dict[str, float | None]]
    over_bound: int = 0

    def write(self, path: Path) -> None:
        likeness = {other: getattr(self, other) for other in OTHERS}
        about = {"residue": self.residue, "over_bound": self.over_bound} | likeness
        write_file(path, b"".join(canonical(one) + b"\n" for one in (about, *self.rows)))

    @classmethod
    def parse(cls, data: bytes, plan: Plan, number: int) -> Commit:
        """Parse the commit of shard ``number``. Raises :class:`ValueError` for any other content."""
        about, *rows = [json.loads(line) for line in data.splitlines()]
        check_commit(about)
        for image, row in itertools.zip_longest(plan.shards[number], rows):
            check_row(row, len(plan.units), VERSION)  # a release with an invalid row could not be opened
            if not image or (row["path"], row["index"], row["unit"]) != (image.out, image.index, image.unit):
                raise ValueError(row["path"])
        return cls(rows, about["residue"], about["to_carrier"], about["to_clean"], about["over_bound"])


class Commits:
    """Totals of all commits of a run; the rows stay on disk.

    Args:
        plan: the plan of the run.
        path_of: path of the commit of a shard.
    """

    def __init__(self, plan: Plan, path_of: Callable[[int], Path]) -> None:
        self.plan, self.path_of = plan, path_of
        self.images, self.without_residue, self.residue_bytes, self.over_bound = 0, 0, 0, 0
        self.planes: Counter[int] = Counter()
        self._residue: dict[int, list[Any]] = {}
        self._likeness = {(kind, other): array("d") for kind in LIKENESS for other in OTHERS}
        empty = bytes(8 * len(plan.images))
        self._shard, self._start = (
            array("Q", empty),
            array("Q", empty),
        )  # of each image: the shard, and the offset of its line

    def add(self, number: int) -> int:
        """Add a shard; returns its number of images. Raises :class:`StorageError` if its commit changed."""
        with storage("cannot read"):
            data = self.path_of(number).read_bytes()
        try:
            commit = Commit.parse(data, self.plan, number)
        except (ValueError, RecursionError):
            raise StorageError(f"{self.path_of(number)} changed", "repeat the command") from None
        starts = itertools.accumulate(map(len, data.splitlines(keepends=True)))
        self.over_bound += commit.over_bound
        if commit.residue:
            self._residue[number] = commit.residue
        for (kind, other), values in self._likeness.items():
            values.extend(one[kind] for one in getattr(commit, other) if one[kind] is not None)
        for image, row, start in zip(self.plan.shards[number], commit.rows, starts):
            self._shard[image.index], self._start[image.index] = number, start
            self.planes[row["planes"]] += 1
            self.without_residue += row["residue"] is None
            self.residue_bytes += row["residue"][2] if row["residue"] else 0
        self.images += len(commit.rows)
        return len(commit.rows)

    def residue_files(self) -> list[dict[str, Any]]:
        """Name, digest and size of every residue file, in the order of the shards."""
        return [dict(zip(("file", "sha256", "bytes"), self._residue[number])) for number in sorted(self._residue)]

    def median(self, kind: str, other: str) -> float | None:
        """Median PSNR or SSIM to carrier or clean image, 4 digits; None if it was measured for no image."""
        known = self._likeness[kind, other]
        return round(float(np.median(known)), 4) if known else None

    def rows(self) -> Iterator[dict[str, Any]]:
        """The manifest rows of all images, shard by shard."""
        for number in range(len(self.plan.shards)):
            with storage("cannot read"):
                data = self.path_of(number).read_bytes()
            yield from map(json.loads, data.splitlines()[1:])

    def lines(self) -> Iterator[bytes]:
        """The manifest in pieces: the lines of all images, sorted by path."""
        order = sorted(self.plan.images, key=lambda image: image.out)
        for number, group in itertools.groupby(order, key=lambda image: self._shard[image.index]):
            with storage("cannot read"), open(self.path_of(number), "rb") as file:
                found = []
                for image in group:
                    file.seek(self._start[image.index])
                    found.append(file.readline())
            yield b"".join(found)
