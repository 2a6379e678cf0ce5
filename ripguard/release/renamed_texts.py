"""Find texts of a release under other names, which archives and servers give to names that are not ASCII."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from unicodedata import normalize

from ripguard.release.line_ends import MOST_TEXT
from ripguard.release.manifest import Release
from ripguard.store.section import Section


def renamed_texts(release: Release, missing: Iterable[str], extra: Iterable[Path]) -> dict[str, Path]:
    """Path of a missing text → the file that has its bytes. Each file stands for one text.

    Texts may be equal, such as the same notes in every class. A file of the text's own folder comes first, and a file
    of its name before others.

    Args:
        missing: paths of texts that are not at their places.
        extra: files that the release does not list.
    """
    lost = sorted(missing)
    free = _by_digest(extra) if lost else {}
    found: dict[str, Path] = {}
    for alike in (_same_folder_and_name, _same_folder, _same_name, _any):
        for name in lost:
            files = free.get(release.texts[name], [])
            if name not in found and (one := next((file for file in files if alike(release, name, file)), None)):
                found[name] = one
                files.remove(one)
    return found


def _by_digest(files: Iterable[Path]) -> dict[str, list[Path]]:
    """Hex SHA-256 → files, sorted, of files that can be read and are not larger than a text."""
    found: dict[str, list[Path]] = {}
    for file in sorted(files):
        with contextlib.suppress(OSError):
            found.setdefault(Section(file).sha256(MOST_TEXT), []).append(file)
    return found


def _same_folder_and_name(release: Release, name: str, file: Path) -> bool:
    return _same_folder(release, name, file) and _same_name(release, name, file)


def _same_folder(release: Release, name: str, file: Path) -> bool:
    return _folded((release.root / name).parent) == _folded(file.parent)


def _same_name(release: Release, name: str, file: Path) -> bool:
    return _folded(name.rpartition("/")[2]) == _folded(file.name)


def _any(release: Release, name: str, file: Path) -> bool:
    return True


def _folded(path: object) -> str:
    return normalize("NFC", str(path)).casefold()
