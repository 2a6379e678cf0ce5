"""Restore protected images to a folder: a release, a part of one, or loose files with any names.

Images of a release are compared with its manifest: each is written to its path in the manifest, even if its file was
renamed, and missing images are refused. Names and number of loose images cannot be checked.
"""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path

import numpy as np

from ripguard.bar import Bar
from ripguard.crypto.keys import KeyRing
from ripguard.errors import Damaged, NotProtected, RipguardError, StorageError, UsageError, WrongKey
from ripguard.executor import Executor, Local
from ripguard.files import walk
from ripguard.images.encoding import npy_bytes, png_bytes
from ripguard.release.annotations import copy_annotations
from ripguard.release.batches import in_batches, restore_files, split
from ripguard.release.completeness import Completeness, SecondCopy
from ripguard.release.locate import Selection, Wanted, select
from ripguard.release.names import too_long
from ripguard.release.original_names import give_names
from ripguard.release.restored import Outcome, Restored, refuse
from ripguard.release.restorer import RestoredImage
from ripguard.release.signers import vouched
from ripguard.release.worker import Opened, Opening
from ripguard.store.atomic import (
    LOCK,
    drop_empty_work,
    drop_work,
    lock,
    make_working_folder,
    publish_folder,
    refuse_existing,
    refuse_overlap,
    storage,
    write_unsynced,
)  # fmt: skip
from ripguard.store.together import together
from ripguard.systems import cannot_hold

NAMELESS = "get a fresh copy of the release, or restore the images under the names they have: --loose"
KEPT = ("restored", "originals")  # folders in the working folder: the output, and files that get their names last


def restore(
    paths: list[Path],
    out: Path,
    key: KeyRing,
    release: Path | None = None,
    only: str | None = None,
    executor: Executor | None = None,
    signer: str | None = None,
    loose: bool = False,
    require_release: bool = False,
) -> Restored:
    """Restore images to ``out``, which appears only at the end and contains only images that were verified.

    Each image of a release is written to the path of its source file, relative to the selected folder: as PNG, or, from
    a release that preserves files, as the original file. A PNG gets the name of its source file too, such as ``a.jpg``;
    an array stays one.
    From releases before format v2, which know no such names, it gets its path in the manifest. Refused and missing
    images are listed in the result. An empty list means that every selected image was restored under its right name.

    With the key of one unit, a folder stands for its images of that unit: only they are restored, and only they are
    reported if missing. Files that are named one by one, renamed files and loose files are tried, and refused if they
    belong to another unit. Such a key does not authenticate the release
    (:class:`ripguard.crypto.keys.ReleaseProver`), so the signer must be given.

    Args:
        paths: a release, parts of one, or loose images.
        key: the key of the owner, of one release or of one unit.
        release: the release that loose images belong to.
        only: glob on the path below each folder.
        executor: restores the images; None: this process.
        signer: fingerprint that must have signed the release; see :func:`ripguard.release.signers.vouched`.
        loose: keep the names of the files, also inside a release, and compare nothing with a manifest.
        require_release: refuse images outside of releases.

    Raises:
        RipguardError: no image was restored, for instance because of a wrong key or an existing output.
    """
    out = Path(os.path.abspath(out))
    if loose and require_release:
        raise UsageError("--loose and --require-release contradict each other")
    refuse_overlap(paths, out)
    refuse_existing(out)
    selection = select(paths, release, only, loose, key)
    found = selection.release
    if require_release and not selection.whole:
        raise NotProtected(f"{paths[0]} lies in no release", "name the release, or a part of it")
    result = Restored(str(out), 0, True, checked=selection.whole, left_out=selection.left_out)
    result.litter = selection.litter
    prover = None
    if found:
        prover = found.opened_by(key)  # raises for a wrong key, before any work
        result.release, result.signer = found.name, vouched(found, signer, key)
        refuse_overlap([found.root], out)
    if found and selection.units is not None:
        units = found.info["units"]
        result.units = sorted(f"{units[unit]['split']}/{units[unit]['label']}" for unit in selection.units)
    for path, error in selection.refused:
        refuse(result, path, error)
    work = make_working_folder(out)
    with lock(work / LOCK), together(work, len(selection.files)) as files:
        tree, originals = (work / name for name in KEPT)
        try:
            for folder in (tree, originals):
                drop_work(folder)
                with storage("cannot create"):
                    folder.mkdir()
            _run(selection, tree, originals, key, executor or Local(), result)
            if result.restored:
                copy_annotations(selection, tree, result, prover)
                files.sync_tree(tree)
                _publish(tree, out, result.restored)
        finally:  # leave no clean images in the working folder
            _tidy(work)
    if not result.restored:
        raise result.first_error or _nothing(result)
    return result


def _nothing(result: Restored) -> RipguardError:
    """The error for a restoration without results and without refused files."""
    if result.units is None:
        return NotProtected("there is no image to restore")
    return WrongKey(
        f"wrong key: it opens {', '.join(result.units)} of {result.release}, but no image of that was selected",
        "use the owner's key, or select images of that unit",
    )


def _publish(tree: Path, out: Path, count: int) -> None:
    """Rename the finished tree to ``out``. Raises :class:`StorageError` if restored files are missing from it."""
    with storage("cannot list"):
        lost = count - sum(1 for _ in walk(tree))
    if lost > 0:
        raise StorageError(f"{lost} restored files vanished from {tree}", "does another program write there?")
    publish_folder(tree, out)


def _run(selection: Selection, tree: Path, originals: Path, key: KeyRing, executor: Executor, result: Restored) -> None:
    """Restore the selected images into the tree; refuse in ``result`` what cannot be restored."""
    files, release = selection.files, selection.release
    batches = split(files, in_batches((one.path for one in files), (one.inside for one in files), release))
    batches = [batch for batch in batches if batch]
    done = list[Outcome]()
    completeness = Completeness(selection, release, result) if release and selection.whole else None
    task = partial(_work, tree, originals, selection.whole)
    with Bar(total=len(files), stage="restoring", unit="image") as bar:
        for outcomes in executor.map(task, batches, Opening(key, release)):
            for one in outcomes:
                bar.update()
                if completeness:
                    completeness.resolve(one)
                if isinstance(one.error, SecondCopy):
                    result.duplicates.append((str(one.wanted.file), one.home))
                    continue
                if one.error:
                    refuse(result, str(one.wanted.file), one.error)
                    continue
                result.restored += 1
                result.exact &= one.exact
                if one.name or one.wanted.stray:
                    done.append(one)
                else:
                    result.png_named_otherwise += one.png
    give_names(done, tree, originals, result)
    result.png_named_otherwise += sum(one.png and one.error is None for one in done)
    if completeness:
        completeness.refuse_missing()


def _tidy(work: Path) -> None:
    """Remove the folders of a restoration from the working folder; an unfinished protection there is kept."""
    for name in KEPT:
        shutil.rmtree(work / name, ignore_errors=True)
    drop_empty_work(work)


def _work(tree: Path, originals: Path, whole: bool, opened: Opened, batch: list[Wanted]) -> list[Outcome]:
    outcomes, made = [], set[str]()
    restored = restore_files(opened.with_key, [one.path for one in batch], [one.inside for one in batch])
    for wanted, one in zip(batch, restored):
        error, name, png = one.error, one.file[0] if one.file else "", False
        if whole and error is None and one.home:
            try:
                name = _source_name(opened, wanted, one) or name
                own = name or wanted.place or one.home  # a stray has its place from the manifest
                png = one.file is None and not own.lower().endswith((".png", ".npy"))
            except RipguardError as lost:
                error = type(lost)(f"{wanted.file}: the name of its source file: {lost.message}", NAMELESS)
        if error is None and any(map(too_long, (name, "" if wanted.stray else wanted.place))):
            error = Damaged(f"{wanted.file}: its name in the release is longer than file systems allow")
        if error is None and any(map(cannot_hold, (name, "" if wanted.stray else wanted.place))):
            error = Damaged(f"{wanted.file}: Windows has no files of its name", "restore it on another system")
        data = one.file[1] if one.file else b"" if one.clean is None else _encoded(one.clean, name)
        if error is None and data:
            try:
                aside = name or wanted.stray
                write_unsynced(f"{originals}/{wanted.number}" if aside else f"{tree}/{wanted.place}", data, made)
            except Damaged as occupied:
                error = Damaged(f"{wanted.file}: {occupied.message}", occupied.hint)
        outcomes.append(Outcome(wanted, one.exact, error, name, one.home, png, one.row is not None and not one.home))
    return outcomes


def _encoded(clean: np.ndarray, name: str) -> bytes:
    """The restored file, where only samples are kept: PNG, which programs read under any name but that of an array."""
    return npy_bytes(clean) if name.lower().endswith(".npy") else png_bytes(clean)


def _source_name(opened: Opened, wanted: Wanted, one: RestoredImage) -> str:
    """Name of the source file of an image of a release, "" if it has that of the published file.

    Raises:
        Damaged: the names of the release are missing or changed.
    """
    row = one.row if one.row and one.row["path"] == one.home else opened.known.by_path(one.home)
    if row is None:
        return ""
    source = opened.known.source_path(row, opened.with_key.keys)
    if one.file is None and (source == row["path"] or (wanted.stray and wanted.place)):
        return ""  # a file that the user names keeps the name that it has
    return source.rpartition("/")[2]
