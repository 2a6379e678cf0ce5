"""Restore protected pictures to a folder: a release, a part of one, or loose files under any name."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tqdm.auto import tqdm

from ripguard.errors import Damaged, RipguardError, StorageError
from ripguard.images import png_bytes
from ripguard.keys import Key
from ripguard.pool import spread
from ripguard.release.asked import Wanted, in_batches, pictures_below, split
from ripguard.release.atomic import (
    lock,
    make_working_folder,
    refuse_existing,
    refuse_overlap,
    sha256_file,
    storage,
    sync_everything,
    sync_folder,
    write_unsynced,
)  # fmt: skip
from ripguard.release.manifest import Release, find_release
from ripguard.release.reveal import reveal_files
from ripguard.release.worker import forget, held, hold


@dataclass
class Outcome:
    """What became of one: ``name`` is that of its original file, if any, which waits under its number for its place."""

    wanted: Wanted
    exact: bool
    error: RipguardError | None
    name: str = ""


@dataclass
class Restored:
    """What a restoration did.

    Attributes:
        refused: for each picture that was not restored: path, code, message.
        exact: False if any picture came from a lossy release.
    """

    out: str
    restored: int
    exact: bool
    refused: list[dict[str, str]] = field(default_factory=list)
    first_error: RipguardError | None = None


def restore(
    paths: list[Path], out: Path, key: Key, release: Path | None = None, only: str | None = None, workers: int = 1
) -> Restored:
    """Restore to ``out``, which appears only when the run is over and holds only pictures that proved exact.

    Each restored picture stands where its protected one stood: as PNG, or, from a ``--byte-exact`` release, as the
    original file under its original name. Pictures that are refused are listed and left out.

    Raises:
        RipguardError: nothing could be restored (wrong key, no release, output in the way).
    """
    out = Path(os.path.abspath(out))
    refuse_overlap(paths, out)
    refuse_existing(out)
    root = release or next((r for p in paths if (r := find_release(p))), None)
    opened = Release.open(root) if root else None
    if opened:
        opened.keys(key)  # a wrong key ends here, before any work
        refuse_overlap([opened.root], out)
    files = pictures_below(paths, only, root)
    partial = make_working_folder(out)
    with lock(partial / "lock"):
        tree, originals = partial / "restored", partial / "originals"
        for folder in (tree, originals):
            shutil.rmtree(folder, ignore_errors=True)
            with storage("cannot create"):
                folder.mkdir()
        try:
            result = _run(files, opened, tree, originals, key, workers)
        finally:
            forget()
        result.out = str(out)
        if result.restored:
            _copy_annotations(opened, paths, tree, result)
            sync_everything()
            refuse_existing(out)
            with storage("cannot publish"):
                if out.exists():
                    out.rmdir()
                os.rename(tree, out)
            sync_folder(out.parent)
        _tidy(partial)
    if not result.restored and result.first_error:
        raise result.first_error
    return result


def _run(files: list[Wanted], release: Release | None, tree: Path, originals: Path, key: Key, workers: int) -> Restored:
    batches = split(files, in_batches((one.file for one in files), (one.inside for one in files), release))
    places, result, done = ([tree] * len(batches), [originals] * len(batches)), Restored("", 0, True), list[Outcome]()
    workers = min(workers, len(batches))
    read = release.root if release and workers > 1 else release  # other processes read it for themselves
    with tqdm(total=len(files), desc="restoring", unit="picture", disable=None) as bar:
        for outcomes in spread(_work, batches, *places, workers=workers, start=hold, given=(key, read)):
            for one in outcomes:
                bar.update()
                if one.error is None:
                    result.restored += 1
                    result.exact &= one.exact
                    if one.name:
                        done.append(one)
                else:
                    refuse(result, str(one.wanted.file), one.error)
    _give_names(done, tree, originals)
    return result


def refuse(result: Restored, path: str, error: RipguardError) -> None:
    """Put one file on the list of what did not come back."""
    result.refused.append({"path": path, "code": error.code, "message": str(error)})
    result.first_error = result.first_error or error


def _give_names(done: list[Outcome], tree: Path, originals: Path) -> None:
    """Move original files to where their pictures stood, under their own names where no other has that there."""
    asked = Counter(PurePosixPath(one.wanted.place).with_name(one.name) for one in done)
    with storage("cannot write"):
        for folder in {(tree / one.wanted.place).parent for one in done}:
            folder.mkdir(parents=True, exist_ok=True)  # first of all: a folder may have a file's name
    for one in done:
        names = _names_for(PurePosixPath(one.wanted.place), one.name, asked)
        target = next(tree / name for name in names if not os.path.lexists(tree / name))
        with storage("cannot write"):
            os.rename(originals / str(one.wanted.number), target)


def _names_for(place: PurePosixPath, name: str, asked: Counter[PurePosixPath]) -> Iterator[PurePosixPath]:
    """Where an original file may stand, best first: under its own name if nobody else asks for it there."""
    own, suffix = place.with_name(name), PurePosixPath(name).suffix
    if asked[own] == 1:
        yield own
    yield place.with_suffix(suffix)
    for number in itertools.count():
        yield place.with_name(f"{place.name}{f'.{number}' if number else ''}{suffix}")


def _tidy(partial: Path) -> None:
    """Remove what a restoration kept in a working folder; what an unfinished protection keeps there stays."""
    for name in ("restored", "originals"):
        shutil.rmtree(partial / name, ignore_errors=True)
    if {path.name for path in partial.iterdir()} <= {"lock"}:
        shutil.rmtree(partial, ignore_errors=True)


def _work(batch: list[Wanted], tree: Path, originals: Path) -> list[Outcome]:
    key, release = held()
    assert key
    outcomes = []
    revealed = reveal_files([one.file for one in batch], [one.inside for one in batch], key, release)
    for wanted, one in zip(batch, revealed):
        if one.error is None and one.clean is not None:
            if one.file:
                write_unsynced(originals / str(wanted.number), one.file[1])
            else:
                write_unsynced(tree / wanted.place, png_bytes(one.clean))
        outcomes.append(Outcome(wanted, one.exact, one.error, one.file[0] if one.file else ""))
    return outcomes


def _copy_annotations(release: Release | None, paths: list[Path], tree: Path, result: Restored) -> None:
    """Annotation files of a whole release travel back beside the pictures, if they are those that were published."""
    if release is None or not any(p.resolve() == release.root.resolve() for p in paths):
        return
    for note in release.info["annotations"]:
        source, target = release.root / note["path"], tree / note["path"]
        if (found := _digest_of(source)) != note["sha256"]:
            state = "missing or unreadable" if found is None else "changed after it was published"
            refuse(result, str(source), Damaged(f"{source}: {state}", "get a fresh copy of it"))
        elif not target.exists():
            with storage("cannot copy"):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)


def _digest_of(path: Path) -> str | None:
    """None where there is no such file, or none that can be read."""
    with contextlib.suppress(StorageError):
        return sha256_file(path) if path.is_file() else None
    return None
