"""Sort the files of a release that its manifest does not list: renamed images, second copies, litter, and others."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ripguard.crypto.aead import image_digest
from ripguard.data.scan import LITTER, LITTER_FOLDERS
from ripguard.errors import RipguardError
from ripguard.images.reencoded import file_bytes, read_published, variants
from ripguard.release.listing import may_be_image
from ripguard.release.loadable import is_program, may_be_loaded
from ripguard.release.manifest import Release
from ripguard.store.rows import Row


@dataclass
class Strays:
    """Files that the manifest does not list. All are paths in the release.

    Attributes:
        renamed: path of a missing image → path of the file that has its samples.
        duplicates: files with the samples of an image that is at its place, in the same folder on disk.
        litter: hidden and temporary files that no loader and no program reads.
        others: all others.
    """

    renamed: dict[str, str] = field(default_factory=dict)
    duplicates: list[str] = field(default_factory=list)
    litter: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


def sorted_out(release: Release, names: list[str], missing: list[str], present: Mapping[str, str]) -> Strays:
    """Sort files by their names and samples.

    Args:
        names: paths in the release of files that it does not list.
        missing: paths of images that are not at their places.
        present: path in the release → path on disk, of all files; see :func:`ripguard.release.spelling.listed_names`.
    """
    strays, gone = Strays(), set(missing)
    for name in names:
        if is_litter(name) and not may_be_loaded(release.root, name):
            strays.litter.append(name)
            continue
        rows = rows_of(release, release.root / name) if may_be_image(release.root / name) else []
        paths = [row["path"] for row in rows]
        if was := next((path for path in paths if path in gone), ""):
            strays.renamed[was] = name
            gone.remove(was)
        elif not is_program(name) and any(
            _beside(present.get(path) or strays.renamed.get(path), name) for path in paths
        ):
            strays.duplicates.append(name)
        else:
            strays.others.append(name)
    return strays


def is_litter(place: str) -> bool:
    """Whether a path is that of a file which operating systems, servers and programs leave behind."""
    *folders, name = place.split("/")
    return LITTER.fullmatch(name) is not None or any(LITTER_FOLDERS.fullmatch(one) for one in folders)


def _beside(original: str | None, name: str) -> bool:
    """Whether two paths on disk are in one folder. In another, even if it looks alike, a copy has another label."""
    return original is not None and original.rpartition("/")[0] == name.rpartition("/")[0]


def rows_of(release: Release, file: Path) -> list[Row]:
    """Rows of the images that have the samples of a file; empty if it cannot be read."""
    with contextlib.suppress(RipguardError):
        for image in variants(read_published(file_bytes(file), str(file))):
            if rows := release.by_digest(image_digest(image).hex()):
                return rows
    return []
