"""Find the release that a path lies in, and read key files, which must lie outside of releases."""

from __future__ import annotations

import os
from pathlib import Path

from ripguard.crypto.keys import Key
from ripguard.errors import KeyFileError
from ripguard.files import read_regular
from ripguard.release.card import NAMES, TITLE
from ripguard.release.record import CONTAINER, MANIFEST, META, MODEL, RELEASE, RESIDUE

MOST_CARD = 1 << 16  # bytes
CARDS = (*NAMES, *(f"RIPGUARD-{number}.md" for number in range(2, 10)))
OTHERS = (MANIFEST, RESIDUE, MODEL)  # of ``.ripguard``, besides ``release.json``


def read_key(path: str | Path) -> Key:
    """Read a key file (``-``: standard input). Raises :class:`KeyFileError`, also for a file inside a release."""
    if str(path) != "-":
        refuse_inside_release(Path(path))
    return Key.read(path)


def refuse_inside_release(path: Path) -> None:
    """Raise :class:`KeyFileError` for the path of a key file inside a release: releases are published."""
    if root := find_release(path):
        raise KeyFileError(f"{path} lies inside the release {root}", "keep keys outside what you publish")


def find_release(path: Path) -> Path | None:
    """Root of the release that a file or folder lies in, or None.

    Metadata of another user in a parent folder are ignored: anybody can create them in a shared folder.
    """
    real = path.resolve()
    for folder in [real, *real.parents]:
        if (found := metadata_of(folder)) and (folder == real or _same_owner(found, real)):
            return folder
    return None


def metadata_of(folder: Path) -> Path | None:
    """The file or folder with the metadata of the release at ``folder``; None if ``folder`` is no release.

    A link or a pipe in the place of the file counts, and is refused when the release is opened.
    """
    file = folder / CONTAINER
    if os.path.lexists(file) and (file.is_symlink() or not file.is_dir()):
        return file
    return folder / META if os.path.lexists(folder / META / RELEASE) else None


def _same_owner(meta: Path, path: Path) -> bool:
    existing = next(one for one in [path, *path.parents] if one.exists())
    return meta.lstat().st_uid in (existing.stat().st_uid, 0)


def without_record(path: Path) -> Path | None:
    """The missing metadata of a release that a path lies in, or None.

    A release of v0 or v1 without its ``release.json`` has other files in ``.ripguard``, a later one without its
    ``release.ripguard`` has its card.
    """
    real = path.resolve()
    for folder in [real, *real.parents]:
        meta = folder / META
        if not os.path.lexists(meta / RELEASE) and any(os.path.lexists(meta / name) for name in OTHERS):
            return meta / RELEASE
        if not metadata_of(folder) and any(_is_card(folder / name) for name in CARDS):
            return folder / CONTAINER
    return None


def _is_card(path: Path) -> bool:
    try:
        return read_regular(path, MOST_CARD).startswith(TITLE.encode() + b"\n")
    except OSError:
        return False
