"""Remove what killed runs left behind, and nothing else: files that no manifest names and that only ripguard makes."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from ripguard.errors import NotProtected
from ripguard.release.atomic import lock, storage, working_folder
from ripguard.release.manifest import MANIFEST, META, MODEL, RELEASE, RESIDUE, Release

TEMPORARY = re.compile(r"^\..+\.\d+\.tmp$")  # as atomic.write_temporary names them


@dataclass(frozen=True)
class Litter:
    """One thing that may go: ``kind`` is ``temporary``, ``residue``, ``meta`` or ``unfinished``."""

    path: Path
    kind: str
    bytes: int


def find(path: Path, unfinished: bool = False) -> list[Litter]:
    """What may be removed in and beside ``path``.

    Args:
        path: a release, or the output of a run that never finished.
        unfinished: list the working folder of an unfinished run too; without it the run can still be continued.

    Raises:
        NotProtected: neither is there.
    """
    partial, found = working_folder(path), []
    if (path / META / RELEASE).is_file():
        release = Release.open(path)
        shards = {shard["file"] for shard in release.info["residue"]}
        for file in sorted(p for p in path.rglob("*") if p.is_file() and not p.is_symlink()):
            inside = file.relative_to(path).as_posix()
            if TEMPORARY.match(file.name):
                found.append(_litter(file, "temporary"))
            elif file.parent == path / META / RESIDUE and file.name not in shards:
                found.append(_litter(file, "residue"))
            elif (
                inside.startswith(f"{META}/")
                and file.parent == path / META
                and file.name not in (RELEASE, MANIFEST, MODEL)
            ):
                found.append(_litter(file, "meta"))
    elif not partial.is_dir():
        raise NotProtected(f"{path} is neither a release nor the output of an unfinished run", "name one of them")
    if unfinished and partial.is_dir():
        size = sum(p.stat().st_size for p in partial.rglob("*") if p.is_file())
        found.append(Litter(partial, "unfinished", size))
    return found


def collect(path: Path, unfinished: bool = False, dry_run: bool = False) -> list[Litter]:
    """Remove what :func:`find` finds; returns it. Raises :class:`OutputRefused` while a run is writing there."""
    partial = working_folder(path)
    if partial.is_dir():
        with lock(partial / "lock"):
            return _remove(find(path, unfinished), dry_run)
    return _remove(find(path, unfinished), dry_run)


def _remove(found: list[Litter], dry_run: bool) -> list[Litter]:
    if not dry_run:
        with storage("cannot remove"):
            for one in found:
                shutil.rmtree(one.path) if one.path.is_dir() else one.path.unlink()
    return found


def _litter(file: Path, kind: str) -> Litter:
    return Litter(file, kind, file.stat().st_size)
