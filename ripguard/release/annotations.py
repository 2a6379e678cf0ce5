"""Copy the annotation files of a release to the output of a restoration."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from ripguard.crypto.keys import ReleaseProver
from ripguard.errors import Damaged, RipguardError, StorageError
from ripguard.files import NotRegular, open_regular
from ripguard.release.line_ends import text_as_published
from ripguard.release.locate import Selection
from ripguard.release.names import too_long
from ripguard.release.record import ORIGINALS
from ripguard.release.renamed_texts import renamed_texts
from ripguard.release.restored import Restored, refuse
from ripguard.release.spelling import found_at
from ripguard.store.atomic import storage, write_unsynced
from ripguard.store.section import Section
from ripguard.systems import cannot_hold


def copy_annotations(selection: Selection, tree: Path, result: Restored, keys: ReleaseProver | None) -> None:
    """Copy the annotation files below the selected folders; refuse in ``result`` those that are missing or changed.

    Args:
        keys: those of the whole release, None for a unit's. With them, a text whose published bytes are not those of
            the source comes back as in the source.
    """
    release = selection.release
    if release is None or not selection.whole:
        return
    notes = [
        (number, note)
        for number, note in enumerate(release.info["annotations"])
        if note["path"].startswith(tuple(selection.folders))
    ]
    missing = [
        note["path"]
        for number, note in notes
        if not (keys and f"{ORIGINALS}/{number}" in release.parts)
        and not os.path.lexists(found_at(release, note["path"]))
    ]
    renamed = renamed_texts(release, missing, map(Path, result.left_out))
    found = {str(file) for file in renamed.values()}
    result.left_out = [file for file in result.left_out if file not in found]
    for number, note in notes:
        source, target = found_at(release, note["path"]), tree / selection.place_of(note["path"])
        try:
            if cannot_hold(selection.place_of(note["path"])):
                raise Damaged(f"{source}: Windows has no files of its name", "restore it on another system")
            original = release.original(number, keys) if keys else None
            if original is None:
                if other := renamed.get(note["path"]):
                    source = other
                    result.moved.append((str(source), note["path"]))
                if _copy(source, target, note["sha256"]):
                    result.texts_mended.append(note["path"])
                if f"{ORIGINALS}/{number}" in release.parts:
                    result.texts_as_published.append(note["path"])
            else:
                _refuse_taken(source, target)
                write_unsynced(target, original)
                if not _is(source, note["sha256"]):
                    result.texts_mended.append(note["path"])
        except RipguardError as error:
            refuse(result, str(source), error)


def _is(file: Path, digest: str) -> bool:
    """Whether a file has this hex SHA-256."""
    try:
        return Section(file).sha256() == digest
    except OSError:
        return False


def _copy(source: Path, target: Path, digest: str) -> bool:
    """Copy a file with this hex SHA-256, or the same text with other line ends; a failed copy is removed.

    Returns:
        Whether line ends were mended.

    Raises:
        Damaged: the file is missing, changed, or not a regular file, or its path in the output is taken.
        StorageError: reading or writing failed.
    """
    fresh = "get a fresh copy of it"
    _refuse_taken(source, target)
    try:
        handle = open_regular(source)
    except FileNotFoundError:
        raise Damaged(f"{source} is missing", fresh) from None
    except NotRegular as error:
        raise Damaged(f"{source}: {error.strerror}", fresh) from None
    except OSError as error:
        raise StorageError(f"{source} cannot be read: {error.strerror}", "permissions?") from None
    with storage("cannot copy"), open(handle, "rb") as file:
        target.parent.mkdir(parents=True, exist_ok=True)
        found = hashlib.sha256()
        with open(target, "xb") as copy:
            try:
                while piece := file.read(1 << 20):
                    found.update(piece)
                    copy.write(piece)
                copy.flush()
                if found.hexdigest() == digest:
                    return False
            except BaseException:  # remove the incomplete copy
                target.unlink()
                raise
    target.unlink()
    if (text := text_as_published(source, digest)) is None:
        raise Damaged(f"{source}: changed after it was published", fresh)
    write_unsynced(target, text)
    return True


def _refuse_taken(source: Path, target: Path) -> None:
    if os.path.lexists(target) or too_long(target.name):
        raise Damaged(f"{source}: its path in the output is taken or too long", "rename it in a copy of the release")
