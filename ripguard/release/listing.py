"""List the files below a folder, and recognize those to be tried as images."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from ripguard.errors import RipguardError, StorageError
from ripguard.files import open_regular, walk
from ripguard.images.limits import REFUSED_SUFFIXES, STARTS, SUFFIXES

ENDINGS = tuple(SUFFIXES | REFUSED_SUFFIXES)


def listed(folder: Path, refused: list[tuple[str, RipguardError]]) -> list[tuple[str, bool]]:
    """(path below the folder, whether it is a link) of every file, sorted by path.

    Args:
        refused: receives (path, error) of folders that cannot be listed.
    """
    unlistable = list[OSError]()
    found = [(place, entry.is_symlink()) for place, entry in walk(folder, unlistable)]
    for error in unlistable:
        reason = os.strerror(error.errno) if error.errno else str(error)
        refused.append((str(error.filename), StorageError(f"{error.filename}: cannot be listed: {reason}")))
    return sorted(found, key=lambda one: one[0].split("/"))


def may_be_image(file: Path) -> bool:
    """Whether to try a file as an image: by its suffix or first bytes. Unreadable files are tried, and refused then."""
    if file.name.lower().endswith(ENDINGS) and not file.name.startswith("."):  # macOS writes metadata to ._0.png
        return True
    try:
        handle = open_regular(file)
    except OSError as error:
        return error.errno not in (errno.EINVAL, errno.ENXIO, errno.ENODEV)  # a pipe or a device
    with open(handle, "rb") as opened:
        return opened.read(16).startswith(STARTS)
