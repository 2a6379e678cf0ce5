"""Move aside files that killed runs left behind: files that only ripguard writes and that no manifest lists.

Residue is irreplaceable. Therefore the manifest must be authenticated by a signature or the key, files in the manifest
are never moved, and no file of a release is deleted: files go to a folder beside the release, for the owner to remove.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from ripguard.crypto.keys import Key
from ripguard.errors import Damaged, NotProtected, SignatureInvalid
from ripguard.files import walk
from ripguard.release.find import metadata_of
from ripguard.release.manifest import Release
from ripguard.release.record import MANIFEST, META, MODEL, RELEASE, RESIDUE
from ripguard.release.signers import vouched
from ripguard.store.atomic import (
    LOCK,
    TEMPORARY,
    drop_all_work,
    lock,
    refuse_foreign_work,
    storage,
    working_folder,
)


@dataclass(frozen=True)
class Litter:
    """A file or folder that a killed run left.

    Attributes:
        kind: ``temporary``, ``residue``, ``meta`` or ``unfinished``.
        bytes: its size.
        moved_to: its new path; None if it was not moved. An unfinished run is removed instead.
    """

    path: Path
    kind: str
    bytes: int
    moved_to: Path | None = None


def find(path: Path, unfinished: bool = False, key: Key | None = None, signer: str | None = None) -> list[Litter]:
    """Find files in and beside ``path`` that can be moved aside.

    Args:
        path: a release, or the output of an unfinished run.
        unfinished: also list the working folder of an unfinished run, which could still be continued.
        key: key of the release; authenticates the manifest of an unsigned release.
        signer: fingerprint that must have signed the release.

    Raises:
        NotProtected: ``path`` is neither.
        SignatureInvalid: neither a signature nor a key authenticates the manifest.
        Damaged: a residue file of the release is missing or changed, so an unlisted file may be needed.
        WrongKey: the key of another release.
        OutputRefused: the working folder belongs to another user.
    """
    partial, found = working_folder(path), []
    if metadata_of(path):
        found += _in_release(path, key, signer)
    elif not partial.is_dir() or partial.is_symlink():
        raise NotProtected(f"{path} is neither a release nor the output of an unfinished run", "give one of them")
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
        raise SignatureInvalid(f"{path} is unsigned: nothing proves which residue belongs to it", "add --key-file K")
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
            elif release.version >= 2:  # its metadata are one file
                continue
            elif folder == meta + RESIDUE and name not in needed | set(release.shards):
                kind = "residue"
            elif folder == META and name not in (RELEASE, MANIFEST, MODEL):
                kind = "meta"
            else:
                continue
            found.append(Litter(path / place, kind, entry.stat(follow_symlinks=False).st_size))
    return found


def _refuse_incomplete(release: Release, needed: set[str]) -> None:
    """Raise :class:`Damaged` unless all listed residue exists as published."""
    if strange := sorted(needed - set(release.shards)):
        raise Damaged(
            f"{release.root}: rows use the residue {strange[0]}, which {RELEASE} does not list", "get fresh copies"
        )
    for shard in release.info["residue"]:
        name = f"{RESIDUE}/{shard['file']}"
        with storage("cannot read"):
            try:
                good = release.files.section(name).sha256(shard["bytes"]) == shard["sha256"]
            except FileNotFoundError:
                good = False
        if not good:
            raise Damaged(
                f"{release.where(name)} is missing or changed, so other residue may be of this release",
                "ripguard verify lists all",
            )


def collect(
    path: Path, unfinished: bool = False, dry_run: bool = False, key: Key | None = None, signer: str | None = None
) -> list[Litter]:
    """Move aside the files of :func:`find`; returns them. Raises :class:`OutputRefused` during a run."""
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
                drop_all_work(one.path)
            else:
                place = aside / one.path.relative_to(path)
                place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                os.rename(one.path, place)
                one = replace(one, moved_to=place)
        done.append(one)
    return done


def _aside(path: Path) -> Path:
    """Path of a new folder beside the release."""
    number = 1
    while os.path.lexists(place := path.with_name(f".{path.name}.ripguard-removed-{number}")):
        number += 1
    return place
