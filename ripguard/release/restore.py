"""Restore protected pictures to a folder: a release, a part of one, or loose files under any name."""

from __future__ import annotations

import fnmatch
import itertools
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from ripguard.errors import NotProtected, RipguardError
from ripguard.images import REFUSED_SUFFIXES, SUFFIXES, png_bytes
from ripguard.keys import Key
from ripguard.pool import spread
from ripguard.release.atomic import (
    lock,
    refuse_existing,
    refuse_overlap,
    storage,
    sync_everything,
    sync_folder,
    write_unsynced,
)  # fmt: skip
from ripguard.release.manifest import META, Release, find_release
from ripguard.release.plan import published_names
from ripguard.release.reveal import reveal_files

BATCH_FILES, BATCH_BYTES = 256, 8 << 20  # handed to a worker at once
_state: tuple[Key, Release | None] | None = None  # of this worker process


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


def in_batches(files: list[Path]) -> list[int]:
    """Lengths of consecutive runs of files that a worker takes at once: bounded in number and in bytes."""
    lengths, size = [0], 0
    for file in files:
        bytes_ = file.stat().st_size
        if lengths[-1] and (lengths[-1] == BATCH_FILES or size + bytes_ > BATCH_BYTES):
            lengths.append(0)
            size = 0
        lengths[-1] += 1
        size += bytes_
    return lengths


def split(items: list[Any], lengths: list[int]) -> list[list[Any]]:
    """Consecutive runs of the given lengths."""
    left = iter(items)
    return [list(itertools.islice(left, length)) for length in lengths]


def pictures_below(paths: list[Path], only: str | None, root: Path | None) -> list[tuple[Path, str, str]]:
    """(file, place in the output, path inside the release ``root`` or "") for each picture below files and folders."""
    found: list[tuple[Path, str, str]] = []
    home = root.resolve() if root else None
    for path in paths:
        if not path.exists():
            raise NotProtected(f"there is no file or folder {path}")
        files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
        for file in files:
            place = (file.relative_to(path) if path.is_dir() else Path(file.name)).as_posix()
            suffix = file.suffix.lower()
            if META in file.parts or (path.is_dir() and suffix not in SUFFIXES | REFUSED_SUFFIXES):
                continue
            if only and not fnmatch.fnmatch(place, only):
                continue
            real = file.resolve()
            inside = real.relative_to(home).as_posix() if home and home in real.parents else ""
            found.append((file, place, inside))
    if not found:
        raise NotProtected("there is no picture to restore" + (f" that matches {only}" if only else ""))
    places = published_names([place for _, place, _ in found])  # a.bmp beside a.png: both come back
    return [(file, place, inside) for (file, _, inside), place in zip(found, places)]


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
    partial = out.parent / f".{out.name}.ripguard-partial"
    with storage("cannot create"):
        partial.mkdir(parents=True, exist_ok=True)
    with lock(partial / "lock"):
        tree = partial / "restored"
        shutil.rmtree(tree, ignore_errors=True)
        with storage("cannot create"):
            tree.mkdir()
        result = _run(files, tree, key, root, workers)
        result.out = str(out)
        if result.restored:
            _copy_annotations(opened, paths, tree)
            sync_everything()
            refuse_existing(out)
            with storage("cannot publish"):
                if out.exists():
                    out.rmdir()
                os.rename(tree, out)
            sync_folder(out.parent)
        shutil.rmtree(partial, ignore_errors=True)
    if not result.restored and result.first_error:
        raise result.first_error
    return result


def _run(files: list[tuple[Path, str, str]], tree: Path, key: Key, root: Path | None, workers: int) -> Restored:
    batches = split(files, in_batches([file for file, _, _ in files]))
    result = Restored("", 0, True)
    bar = tqdm(total=len(files), desc="restoring", unit="picture", disable=None)
    workers = min(workers, len(batches))
    with bar:
        for outcomes in spread(
            _work, batches, [tree] * len(batches), workers=workers, start=_initialise, given=(key, root)
        ):
            for path, exact, error in outcomes:
                bar.update()
                if error is None:
                    result.restored += 1
                    result.exact &= exact
                else:
                    result.refused.append({"path": path, "code": error.code, "message": str(error)})
                    result.first_error = result.first_error or error
    return result


def _initialise(key: Key, root: Path | None) -> None:
    global _state
    _state = key, Release.open(root) if root else None


def _work(batch: list[tuple[Path, str, str]], tree: Path) -> list[tuple[str, bool, RipguardError | None]]:
    if _state is None:
        raise RuntimeError("worker was not initialised")
    key, release = _state
    outcomes = []
    revealed = reveal_files([file for file, _, _ in batch], [inside for _, _, inside in batch], key, release)
    for (file, place, _), one in zip(batch, revealed):
        if one.error is None and one.clean is not None:
            if one.file:
                target, data = (tree / place).with_name(one.file[0]), one.file[1]
            else:
                target, data = tree / place, png_bytes(one.clean)
            write_unsynced(target, data)
        outcomes.append((str(file), one.exact, one.error))
    return outcomes


def _copy_annotations(release: Release | None, paths: list[Path], tree: Path) -> None:
    """Annotation files of a whole release travel back beside the pictures."""
    if release is None or not any(p.resolve() == release.root.resolve() for p in paths):
        return
    for note in release.info["annotations"]:
        source, target = release.root / note["path"], tree / note["path"]
        if source.is_file() and not target.exists():
            with storage("cannot copy"):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
