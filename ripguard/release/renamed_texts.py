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
    lost, found = sorted(missing), dict[str, Path]()
    left = _digests(extra) if lost else {}
    for alike in (_folder_and_name, _folder, _name, _nothing):
        free: dict[tuple[str, str], list[Path]] = {}
        for file in sorted(left, reverse=True):
            free.setdefault((left[file], alike(file)), []).append(file)
        for name in lost:
            if name not in found and (files := free.get((release.texts[name], alike(release.root / name)))):
                found[name] = files.pop()
                del left[found[name]]
    return found


def _digests(files: Iterable[Path]) -> dict[Path, str]:
    """Hex SHA-256 of the files that can be read and are not larger than a text."""
    found: dict[Path, str] = {}
    for file in files:
        with contextlib.suppress(OSError):
            found[file] = Section(file).sha256(MOST_TEXT)
    return found


def _folder_and_name(file: Path) -> str:
    return normalize("NFC", str(file)).casefold()


def _folder(file: Path) -> str:
    return _folder_and_name(file.parent)


def _name(file: Path) -> str:
    return normalize("NFC", file.name).casefold()


def _nothing(file: Path) -> str:
    return ""
