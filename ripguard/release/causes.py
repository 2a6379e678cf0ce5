"""What happened to a changed file of a release, as far as its bytes show it."""

from __future__ import annotations

from ripguard.damage import first_bytes, what_happened
from ripguard.release.line_ends import LINE_ENDS, text_as_published
from ripguard.release.manifest import Release
from ripguard.release.spelling import found_at


def cause_of(release: Release, name: str) -> str:
    """What happened to a changed image or text at a path in the release; "" if it is unknown."""
    path = found_at(release, name)
    if name in release.texts:
        return LINE_ENDS if text_as_published(path, release.texts[name]) is not None else ""
    start = first_bytes(path)
    found = None if start is None else what_happened(start)
    return found[0] if found else ""
