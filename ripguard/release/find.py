"""Find the release that a path lies in, and read key files, which must lie outside of releases."""

from __future__ import annotations

import os
from pathlib import Path

from ripguard.crypto.keyfile import holds_key
from ripguard.crypto.keys import Key, otherwise
from ripguard.crypto.private import not_longer, read_private
from ripguard.crypto.unitfile import MOST, UnitRing, is_unit_file
from ripguard.damage import first_bytes
from ripguard.errors import KeyFileError, shown
from ripguard.files import read_regular
from ripguard.paths import expanded
from ripguard.release.card import NAMES, TITLE
from ripguard.release.record import CONTAINER, MANIFEST, META, MODEL, RELEASE, RESIDUE
from ripguard.store.container import MAGIC

MOST_CARD = 1 << 16  # bytes
MOST_LIKE = 100  # files that are opened to look for a renamed one
CARDS = (*NAMES, *(f"RIPGUARD-{number}.md" for number in range(2, 10)))
OTHERS = (MANIFEST, RESIDUE, MODEL)  # of ``.ripguard``, besides ``release.json``


def read_key(path: str | Path) -> Key | UnitRing:
    """Read a key file, of an owner or of units (``-``: standard input).

    Raises:
        KeyFileError: as :meth:`Key.read`; also for a file inside a release.
    """
    if holds_key(os.fsencode(path)):  # keep it out of messages
        raise KeyFileError(
            "key: expected the path of a key file, got a key itself", "Key.from_text(text) makes a key of its text"
        )
    if str(path) != "-":
        refuse_inside_release(Path(path))
    path = expanded(path, "key file")
    text = read_private(path, otherwise(path), MOST)
    if is_unit_file(text):
        return UnitRing.from_text(text, str(path))
    return Key.parsed(not_longer(text, str(path)), path)


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
    ``release.ripguard`` has its card, or that file under another name.
    """
    real = path.resolve()
    for folder in [real, *real.parents]:
        meta = folder / META
        if not os.path.lexists(meta / RELEASE) and any(os.path.lexists(meta / name) for name in OTHERS):
            return meta / RELEASE
        if not metadata_of(folder) and any(_is_card(folder / name) for name in CARDS):
            return folder / CONTAINER
    return real / CONTAINER if not metadata_of(real) and renamed_containers(real) else None


def renamed_containers(folder: Path) -> list[str]:
    """Names of files in a folder that hold the metadata of a release, but are not called ``release.ripguard``.

    Servers and browsers rename files: ``release``, ``release.ripguard.bin``, ``release (1).ripguard``.
    """
    stem = CONTAINER.partition(".")[0]
    try:
        with os.scandir(folder) as entries:
            names = sorted(one.name for one in entries if stem in one.name.lower() and one.name != CONTAINER)
    except OSError:
        return []
    return [name for name in names[:MOST_LIKE] if (first_bytes(folder / name) or b"").startswith(MAGIC)]


def lost_hint(folder: Path) -> str:
    """What helps a release in a folder that lacks its ``release.ripguard``."""
    if names := renamed_containers(folder):
        one = names[0] if len(names) == 1 else f"the right one of {', '.join(names)}"
        return f"rename {shown(one)} to {CONTAINER}: it holds what is missing"
    return f"get a fresh copy of {CONTAINER}, and put it into the folder"


def _is_card(path: Path) -> bool:
    try:
        return read_regular(path, MOST_CARD).startswith(TITLE.encode() + b"\n")
    except OSError:
        return False
