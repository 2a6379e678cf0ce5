"""What a process holds while it restores or verifies: a key and a release, no longer than they are needed."""

from __future__ import annotations

from pathlib import Path

from ripguard.keys import Key
from ripguard.release.manifest import Release

_held: tuple[Key | None, Release | None] | None = None


def hold(key: Key | None, release: Release | Path | None) -> None:
    """Begin. A path: this process opens the release for itself."""
    global _held
    _held = key, Release.open(release) if isinstance(release, Path) else release


def held() -> tuple[Key | None, Release | None]:
    if _held is None:
        raise RuntimeError("worker was not initialised")
    return _held


def forget() -> None:
    """End."""
    global _held
    _held = None
