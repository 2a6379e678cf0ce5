"""Find the release in a folder that an archive was unpacked to: ``release/release/release.ripguard``."""

from __future__ import annotations

import os
from pathlib import Path

from ripguard.data.scan import LITTER, LITTER_FOLDERS
from ripguard.release.find import find_release, metadata_of

DEEPEST = 3  # wrappers around each other


def unwrapped(path: Path) -> Path:
    """The release that is alone in a folder, but for litter; the path itself if there is none, or if it is one."""
    if not path.is_dir() or find_release(path):
        return path
    folder = path
    for _ in range(DEEPEST):
        inside = _alone(folder)
        if inside is None:
            return path
        if metadata_of(inside):
            return inside
        folder = inside
    return path


def _alone(folder: Path) -> Path | None:
    """The only folder in a folder that has nothing else but litter."""
    found = list[str]()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                inner = entry.is_dir(follow_symlinks=False)
                if (LITTER_FOLDERS if inner else LITTER).fullmatch(entry.name):
                    continue
                if found or not inner:
                    return None
                found.append(entry.name)
    except OSError:
        return None
    return folder / found[0] if found else None
