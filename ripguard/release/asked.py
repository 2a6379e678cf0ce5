"""Which picture files are asked for, where each will go, and in what portions a worker takes them."""

from __future__ import annotations

import fnmatch
import itertools
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ripguard.errors import NotProtected
from ripguard.images import REFUSED_SUFFIXES, SUFFIXES, samples_claimed
from ripguard.release.manifest import META, Release
from ripguard.release.plan import published_names

ENDINGS = tuple(SUFFIXES | REFUSED_SUFFIXES)
BATCH_FILES, BATCH_SAMPLES = 256, 1 << 20  # handed to a worker at once: what bounds its memory


@dataclass(frozen=True, slots=True)
class Wanted:
    """A picture file to be restored.

    Attributes:
        number: which of the run's.
        folder, name: the file, by a folder that was asked for and the path below it.
        place: where it goes in the output, if it comes back as samples.
        inside: where it stands in the release, "" for a loose one.
    """

    number: int
    folder: Path
    name: str
    place: str
    inside: str

    @property
    def file(self) -> Path:
        return self.folder / self.name


def in_batches(files: Iterable[Path], names: Iterable[str], release: Release | None) -> list[int]:
    """Lengths of consecutive runs of files that a worker takes at once: bounded in number and in decoded samples.

    Args:
        names: where each stands in ``release``, "" for a loose file; the release knows how large its pictures are.
    """
    lengths, size = [0], 0
    for file, name in zip(files, names):
        known = release.rows.samples(name) if release and name else None
        samples = samples_claimed(file) if known is None else known
        if lengths[-1] and (lengths[-1] == BATCH_FILES or size + samples > BATCH_SAMPLES):
            lengths.append(0)
            size = 0
        lengths[-1] += 1
        size += samples
    return lengths


def split(items: list[Any], lengths: list[int]) -> list[list[Any]]:
    """Consecutive runs of the given lengths."""
    left = iter(items)
    return [list(itertools.islice(left, length)) for length in lengths]


def places_below(folder: Path) -> list[str]:
    """All regular files below a folder, relative to it, in the order of their paths; links to folders not followed."""
    found = []
    for here, _, names in os.walk(folder):
        inside = os.path.relpath(here, folder).replace(os.sep, "/")
        found += [name if inside == "." else f"{inside}/{name}" for name in names if os.path.isfile(f"{here}/{name}")]
    return sorted(found, key=lambda place: place.split("/"))


def pictures_below(paths: list[Path], only: str | None, root: Path | None) -> list[Wanted]:
    """All pictures below files and folders. ``root``: the release they may be of."""
    found: list[tuple[Path, str, str]] = []  # folder, path below it, path in the release
    home = root.resolve() if root else None
    for path in paths:
        if not path.exists():
            raise NotProtected(f"there is no file or folder {path}")
        single = path.is_file()
        folder = path.parent if single else path
        real = folder.resolve()
        prefix = None
        if home and (real == home or home in real.parents):
            prefix = "" if real == home else real.relative_to(home).as_posix() + "/"
        for place in [path.name] if single else places_below(path):
            if META in place.split("/") or (not single and not place.lower().endswith(ENDINGS)):
                continue
            if not only or fnmatch.fnmatch(place, only):
                found.append((folder, place, "" if prefix is None else prefix + place))
    if not found:
        raise NotProtected("there is no picture to restore" + (f" that matches {only}" if only else ""))
    places = published_names([place for _, place, _ in found])  # a.bmp beside a.png: both come back
    return [
        Wanted(n, folder, name, name if place == name else place, inside)  # one string where they are equal
        for n, ((folder, name, inside), place) in enumerate(zip(found, places))
    ]
