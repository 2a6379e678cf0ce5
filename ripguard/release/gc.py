"""Move aside what killed runs left behind, and nothing else: files that no manifest names and that only ripguard makes.

Residue is irreplaceable. So nothing is believed that neither signature nor key proves, no file goes that a row of the
manifest names, and nothing is deleted: all goes to a folder beside the release, which its owner may remove.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from ripguard.crypto.keys import Key
from ripguard.errors import Damaged, NotProtected, SignatureInvalid
from ripguard.files import walk
from ripguard.release.manifest import Release
from ripguard.release.record import MANIFEST, META, MODEL, RELEASE, RESIDUE
from ripguard.release.signers import vouched
from ripguard.store.atomic import LOCK, TEMPORARY, lock, refuse_foreign_work, sha256_file, storage, working_folder


@dataclass(frozen=True)
class Litter:
    """One thing that may go.

    Attributes:
        kind: ``temporary``, ``residue``, ``meta`` or ``unfinished``.
        moved_to: where it is now, None where it is not moved: an unfinished run is removed.
    """

    path: Path
    kind: str
    bytes: int
    moved_to: Path | None = None


def find(path: Path, unfinished: bool = False, key: Key | None = None, signer: str | None = None) -> list[Litter]:
    """What may go in and beside ``path``.

    Args:
        path: a release, or the output of a run that never finished.
        unfinished: list the working folder of an unfinished run too; without it the run can still be continued.
        key: of the release, which proves what its files are where nobody signed it.
        signer: fingerprint that must have signed it.

    Raises:
        NotProtected: neither is there.
        SignatureInvalid: neither signature nor key proves what belongs to the release.
        Damaged: a residue file that belongs to it is missing or changed, so what looks like litter may be needed.
        WrongKey, OutputRefused.
    """
    partial, found = working_folder(path), []
    if os.path.lexists(path / META / RELEASE):
        found += _in_release(path, key, signer)
    elif not partial.is_dir() or partial.is_symlink():
        raise NotProtected(f"{path} is neither a release nor the output of an unfinished run", "name one of them")
    if unfinished and partial.is_dir():
        refuse_foreign_work(partial)
        size = sum(entry.stat(follow_symlinks=False).st_size for _, entry in walk(partial))
        found.append(Litter(partial, "unfinished", size))
    return found


def _in_release(path: Path, key: Key | None, signer: str | None) -> list[Litter]:
    release = Release.open(path)
    if key:
        release.opened_by(key)
    if vouched(release, signer, key) is None and not key:
        raise SignatureInvalid(
            f"{path} is unsigned: nothing proves which residue belongs to it", "name its key: --key-file K"
        )
    needed = {piece[0] for row in release.rows for piece in (row["residue"], row.get("bytes")) if piece}
    _refuse_incomplete(release, needed)
    meta, found = f"{META}/", []
    with storage("cannot look through"):
        for place, entry in sorted(walk(path), key=lambda one: one[0]):
            folder, _, name = place.rpartition("/")
            if not entry.is_file(follow_symlinks=False):
                continue
            if TEMPORARY.fullmatch(name):
                kind = "temporary"
            elif folder == meta + RESIDUE and name not in needed | set(release.shards):
                kind = "residue"
            elif folder == META and name not in (RELEASE, MANIFEST, MODEL):
                kind = "meta"
            else:
                continue
            found.append(Litter(path / place, kind, entry.stat(follow_symlinks=False).st_size))
    return found


def _refuse_incomplete(release: Release, needed: set[str]) -> None:
    """Raise :class:`Damaged` unless all residue that is named anywhere is there as it was published."""
    folder = release.root / META / RESIDUE
    if strange := sorted(needed - set(release.shards)):
        raise Damaged(
            f"{release.root}: rows name the residue {strange[0]}, which {RELEASE} does not", "get fresh copies"
        )
    for shard in release.info["residue"]:
        place = folder / shard["file"]
        if not os.path.lexists(place) or sha256_file(place, shard["bytes"]) != shard["sha256"]:
            raise Damaged(
                f"{place} is missing or changed, so other residue may be of this release", "ripguard verify lists all"
            )


def collect(
    path: Path, unfinished: bool = False, dry_run: bool = False, key: Key | None = None, signer: str | None = None
) -> list[Litter]:
    """Move aside what :func:`find` finds; returns it. Raises :class:`OutputRefused` while a run is writing there."""
    path = Path(os.path.abspath(path))
    partial = working_folder(path)
    if partial.is_dir() and not partial.is_symlink():
        with lock(partial / LOCK):
            return _take(path, find(path, unfinished, key, signer), dry_run)
    return _take(path, find(path, unfinished, key, signer), dry_run)


def _take(path: Path, found: list[Litter], dry_run: bool) -> list[Litter]:
    if dry_run or not found:
        return found
    aside, done = _aside(path), []
    for one in found:
        with storage("cannot move aside"):
            if one.kind == "unfinished":
                shutil.rmtree(one.path)
            else:
                place = aside / one.path.relative_to(path)
                place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                os.rename(one.path, place)
                one = replace(one, moved_to=place)
        done.append(one)
    return done


def _aside(path: Path) -> Path:
    """A folder beside the release that is not there yet."""
    number = 1
    while os.path.lexists(place := path.with_name(f".{path.name}.ripguard-removed-{number}")):
        number += 1
    return place
