"""Find texts of a release under other names, which archives and servers give to names that are not ASCII."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from ripguard.release.line_ends import MOST_TEXT
from ripguard.release.manifest import Release
from ripguard.store.section import Section


def by_digest(files: Iterable[Path]) -> dict[str, Path]:
    """Hex SHA-256 → file, of files that can be read and are not larger than a text; the first of equal files."""
    found: dict[str, Path] = {}
    for file in files:
        with contextlib.suppress(OSError):
            found.setdefault(Section(file).sha256(MOST_TEXT), file)
    return found


def renamed_texts(release: Release, missing: Iterable[str], extra: Iterable[str]) -> dict[str, str]:
    """Path of a missing text → path of the file that has its bytes.

    Args:
        missing: paths of texts that are not at their places.
        extra: paths of files that the release does not list.
    """
    wanted = {release.texts[name]: name for name in missing}
    found = by_digest(release.root / name for name in extra) if wanted else {}
    return {
        name: found[digest].relative_to(release.root).as_posix() for digest, name in wanted.items() if digest in found
    }
