"""Find the release that a path lies in, and read key files, which must lie outside of releases."""

from __future__ import annotations

import os
from pathlib import Path

from ripguard.crypto.keys import Key
from ripguard.errors import KeyFileError
from ripguard.release.record import MANIFEST, META, MODEL, RELEASE, RESIDUE

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

    A ``.ripguard`` of another user in a parent folder is ignored: anybody can create one in a shared folder.
    """
    real = path.resolve()
    for folder in [real, *real.parents]:
        if os.path.lexists(folder / META / RELEASE) and (folder == real or _same_owner(folder / META, real)):
            return folder
    return None


def _same_owner(meta: Path, path: Path) -> bool:
    existing = next(one for one in [path, *path.parents] if one.exists())
    return meta.lstat().st_uid in (existing.stat().st_uid, 0)


def without_record(path: Path) -> Path | None:
    """The folder that a path lies in and that is a release without its ``release.json``, or None."""
    real = path.resolve()
    for folder in [real, *real.parents]:
        meta = folder / META
        if not os.path.lexists(meta / RELEASE) and any(os.path.lexists(meta / name) for name in OTHERS):
            return folder
    return None
