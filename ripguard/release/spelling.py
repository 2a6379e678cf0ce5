"""Find the files of a release whose names were composed or decomposed on the way.

Some file systems and servers change the Unicode form of names: ``é`` becomes ``e`` and a combining accent (NFD), or the
reverse (NFC). The names look the same, and the manifest lists one of them. An exact name always comes first, and names
of one release that differ only in their form are never exchanged.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal
from unicodedata import normalize

from ripguard.release.manifest import Release

COMPOSED: Literal["NFC"] = "NFC"
DECOMPOSED: Literal["NFD"] = "NFD"


def listed_as(release: Release, place: str) -> str:
    """Path in the release of a file with this path on disk: the same, or its only one with another Unicode form."""
    if place.isascii() or _lists(release, place):
        return place
    listed = release.composed.get(normalize(COMPOSED, place), "")
    return place if not listed or os.path.lexists(release.root / listed) else listed


def listed_names(release: Release, present: Iterable[str]) -> dict[str, str]:
    """Path in the release → path on disk, of files on disk; where two have one path, the others keep theirs."""
    found: dict[str, str] = {}
    for place in sorted(present):
        listed = listed_as(release, place)
        found[place if listed in found else listed] = place
    return found


def same_folder(one: str, other: str) -> bool:
    """Whether two paths are in one folder, in any Unicode form: a copy in another folder would have another label."""
    return normalize(COMPOSED, one.rpartition("/")[0]) == normalize(COMPOSED, other.rpartition("/")[0])


def folder_as(release: Release, folder: str) -> str:
    """Path in the release of a folder with this path on disk, without a slash at the end."""
    if folder.isascii():
        return folder
    same, depth = "", folder.count("/") + 1
    for path in release.composed.values():
        if path.startswith(folder + "/"):
            return folder
        if normalize(COMPOSED, path).startswith(normalize(COMPOSED, folder) + "/"):
            same = "/".join(path.split("/")[:depth])
    return same or folder


def found_at(release: Release, place: str) -> Path:
    """The file on disk with this path in the release; the path itself if there is none in any Unicode form."""
    path = release.root / place
    if place.isascii() or os.path.lexists(path):
        return path
    here = ""
    for part in place.split("/"):
        forms = [here + one for one in (part, normalize(COMPOSED, part), normalize(DECOMPOSED, part))]
        here = next((one for one in forms if os.path.lexists(release.root / one)), "")
        if not here:
            return path
        here += "/"
    other = here.rstrip("/")
    return path if _lists(release, other) else release.root / other


def _lists(release: Release, place: str) -> bool:
    return release.rows.number(place) is not None or place in release.texts
