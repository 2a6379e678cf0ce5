"""Find the files of a release whose names were composed or decomposed on the way.

Some file systems and servers change the Unicode form of names: ``é`` becomes ``e`` and a combining accent (NFD), or the
reverse (NFC). The names look the same, and the manifest lists one of them. An exact name always comes first, and names
of one release that differ only in their form are never exchanged.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from unicodedata import normalize

from ripguard.release.manifest import Release


def listed_as(release: Release, place: str) -> str:
    """Path in the release of a file with this path on disk: the same, or its only one with another Unicode form."""
    if place.isascii() or release.lists(place):
        return place
    listed = release.composed.get(normalize("NFC", place), "")
    return listed if listed and release.respelled.get(listed) == place else place


def listed_names(release: Release, present: Iterable[str]) -> dict[str, str]:
    """Path in the release → path on disk, of files on disk; where two have one path, the others keep theirs."""
    found: dict[str, str] = {}
    for place in sorted(present):
        listed = listed_as(release, place)
        found[place if listed in found else listed] = place
    return found


def in_other_folders(found: Mapping[str, str]) -> dict[str, str]:
    """Those files whose folder on disk is not the one folder of that name: loaders would give them another label.

    A file system changes the form of a folder for all of its files. Where a folder of the release is two on disk, or
    two are one, somebody moved files.

    Args:
        found: path in the release → path on disk, of files that the release lists; see :func:`listed_names`.
    """
    forward, back = dict[str, set[str]](), dict[str, set[str]]()
    folders = {(listed.rpartition("/")[0], place.rpartition("/")[0]) for listed, place in found.items()}
    levels = {pair: list(_levels(*pair)) for pair in folders}
    for pairs in levels.values():
        for listed, place in pairs:
            forward.setdefault(listed, set()).add(place)
            back.setdefault(place, set()).add(listed)

    def splits(pair: tuple[str, str]) -> bool:
        return any(len(forward[listed]) > 1 or len(back[place]) > 1 for listed, place in levels[pair])

    wrong = {pair for pair in folders if splits(pair)}
    return {
        listed: place
        for listed, place in found.items()
        if listed != place and (listed.rpartition("/")[0], place.rpartition("/")[0]) in wrong
    }


def _levels(listed: str, place: str) -> Iterable[tuple[str, str]]:
    """A folder and those above it, in the release and on disk. Unicode forms have no influence on their number."""
    while listed or place:
        yield listed, place
        listed, place = listed.rpartition("/")[0], place.rpartition("/")[0]


def same_folder(release: Release, listed: str, one: str) -> bool:
    """Whether a file on disk is in the folder in which an image of the release lies on disk."""
    return found_at(release, listed).parent == (release.root / one).parent


def folder_as(release: Release, folder: str) -> str:
    """Path in the release of a folder with this path on disk, without a slash at the end."""
    if folder.isascii():
        return folder
    same, depth = "", folder.count("/") + 1
    for path in release.composed.values():
        if path.startswith(folder + "/"):
            return folder
        if normalize("NFC", path).startswith(normalize("NFC", folder) + "/"):
            same = "/".join(path.split("/")[:depth])
    return same or folder


def found_at(release: Release, place: str) -> Path:
    """The file on disk with this path in the release; the path itself if there is none in any Unicode form."""
    path = release.root / place
    if place.isascii() or os.path.lexists(path):
        return path
    return release.root / release.respelled.get(place, place)
