"""Restore protected images to a folder: a release, a part of one, or loose files under any name.

What comes back of a release is compared with its manifest: every image that was asked for stands at the place that
the manifest gives it, whatever became of its name meanwhile, and what is missing is refused. Of loose images nobody
knows the right names, nor how many there were.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath

from ripguard.crypto.keys import KeyRing
from ripguard.errors import Damaged, NotProtected, RipguardError, StorageError, UsageError, VerifyFailed, WrongKey
from ripguard.executor import Executor, Local
from ripguard.files import NotRegular, open_regular, walk
from ripguard.images.encoding import png_bytes
from ripguard.progress import Bar
from ripguard.release.batches import in_batches, restore_files, split
from ripguard.release.locate import Asked, Wanted, survey
from ripguard.release.manifest import Release
from ripguard.release.names import too_long
from ripguard.release.signers import vouched
from ripguard.release.worker import Opened, Opening
from ripguard.store.atomic import (
    LOCK,
    drop_empty_work,
    drop_work,
    lock,
    make_working_folder,
    refuse_existing,
    refuse_overlap,
    storage,
    sync_everything,
    sync_folder,
    write_unsynced,
)  # fmt: skip

KEPT = ("restored", "originals")  # folders of a restoration in a working folder


@dataclass
class Outcome:
    """What became of one.

    Attributes:
        name: that of its original file, if any, which waits under its number for its place.
        home: its place in the release, "" if that does not know it.
    """

    wanted: Wanted
    exact: bool
    error: RipguardError | None
    name: str = ""
    home: str = ""


@dataclass
class Restored:
    """What a restoration did.

    Attributes:
        release: the one that the images are of; "" for loose ones without any.
        checked: whether names and completeness were compared with the manifest of ``release``.
        signer: fingerprint of who signed it, None for nobody.
        refused: for each image that was not restored: path, code, message.
        moved: (file, place) of images that stood under other names than the release gives them, and are back.
        left_out: files among the images that are none, and that the release does not know.
        exact: False if any image came from a lossy release.
        units: split/label of the units that the key opens, sorted, where that is not all of the release: their
            images are then all that was asked for of a folder. None: the key opens all of it.
    """

    out: str
    restored: int
    exact: bool
    release: str = ""
    checked: bool = False
    signer: str | None = None
    refused: list[dict[str, str]] = field(default_factory=list)
    moved: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    first_error: RipguardError | None = None
    units: list[str] | None = None


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
    """Restore to ``out``, which appears only when the run is over and holds only images that proved exact.

    Each image of a release stands where its manifest says, seen from the folder that was named: as PNG, or, from a
    ``--byte-exact`` release, as the original file under its original name. Images that are refused and those that
    are missing are listed and left out. The list is empty only if all that was asked for is back under its right name.

    With the key of one unit a folder stands for the images of that unit in it, as if they alone had been asked for:
    they are all that is restored, and all whose absence is told. A file that is named, one that has lost its name, and
    a loose one are tried, and refused if they are of another unit. As such a key proves nothing of the release
    (:class:`ripguard.crypto.keys.ReleaseProver`), the signer must be named.

    Args:
        key: the owner's, or that of one release or of one unit.
        release: the release that loose images come from.
        only: glob on the path below each folder.
        executor: where images are restored; None: in this process.
        signer: fingerprint that must have signed the release; see :func:`ripguard.release.signers.vouched`.
        loose: restore images under the names they have, also inside a release; nothing is compared with a manifest.
        require_release: refuse images that lie in no release.

    Raises:
        RipguardError: nothing could be restored (wrong key, no release, output in the way).
    """
    out = Path(os.path.abspath(out))
    if loose and require_release:
        raise UsageError("--loose and --require-release contradict each other")
    refuse_overlap(paths, out)
    refuse_existing(out)
    asked = survey(paths, release, only, loose, key)
    its = asked.release
    if require_release and not asked.whole:
        raise NotProtected(f"{paths[0]} lies in no release", "name the release, or a part of it")
    result = Restored(str(out), 0, True, checked=asked.whole, left_out=asked.left_out)
    if its:
        its.opened_by(key)  # a wrong key ends here, before any work
        result.release, result.signer = its.name, vouched(its, signer, key)
        refuse_overlap([its.root], out)
    if its and asked.units is not None:
        units = its.info["units"]
        result.units = sorted(f"{units[unit]['split']}/{units[unit]['label']}" for unit in asked.units)
    for path, error in asked.refused:
        refuse(result, path, error)
    work = make_working_folder(out)
    with lock(work / LOCK):
        tree, originals = (work / name for name in KEPT)
        try:
            for folder in (tree, originals):
                drop_work(folder)
                with storage("cannot create"):
                    folder.mkdir()
            _run(asked, tree, originals, key, executor or Local(), result)
            if result.restored:
                _copy_annotations(asked, tree, result)
                sync_everything()
                _publish(tree, out, result.restored)
        finally:  # clean images do not stay behind, whatever ended the run
            _tidy(work)
    if not result.restored:
        raise result.first_error or _nothing(result)
    return result


def _nothing(result: Restored) -> RipguardError:
    """Why nothing came back, though nothing was refused."""
    if result.units is None:
        return NotProtected("there is no image to restore")
    return WrongKey(
        f"wrong key: it opens {', '.join(result.units)} of {result.release}, and nothing of that was asked for",
        "use the owner's key, or ask for images of that unit",
    )


def _publish(tree: Path, out: Path, count: int) -> None:
    """Give the finished tree its name. Raises where it does not hold all that this run restored."""
    with storage("cannot list"):
        lost = count - sum(1 for _ in walk(tree))
    if lost > 0:
        raise StorageError(f"{lost} restored files vanished from {tree}", "does something else write there?")
    refuse_existing(out)
    with storage("cannot publish"):
        if out.exists():
            out.rmdir()
        os.rename(tree, out)
    sync_folder(out.parent)


def _run(asked: Asked, tree: Path, originals: Path, key: KeyRing, executor: Executor, result: Restored) -> None:
    """Restore into the tree, and put on the list what did not come back."""
    files, release = asked.files, asked.release
    batches = split(files, in_batches((one.file for one in files), (one.inside for one in files), release))
    batches = [batch for batch in batches if batch]
    done = list[Outcome]()
    homes = _Homes(asked, release, result) if release and asked.whole else None
    task = partial(_work, tree, originals)
    with Bar(total=len(files), stage="restoring", unit="image") as bar:
        for outcomes in executor.map(task, batches, Opening(key, release)):
            for one in outcomes:
                bar.update()
                if homes:
                    homes.resolve(one)
                if one.error:
                    refuse(result, str(one.wanted.file), one.error)
                    continue
                result.restored += 1
                result.exact &= one.exact
                if one.name or one.wanted.stray:
                    done.append(one)
    _give_names(done, tree, originals, result)
    if homes:
        homes.refuse_missing()


class _Homes:
    """Which images of a release came back: each one once, at its place in the manifest."""

    MISSING, TOLD, BACK = range(3)

    def __init__(self, asked: Asked, release: Release, result: Restored) -> None:
        self.asked, self.release, self.result = asked, release, result
        self.state = bytearray(len(self.release.rows))
        for place in asked.told:
            self._tell(place)

    def resolve(self, one: Outcome) -> None:
        """Note an image; one that was not asked for, or is back already, becomes refused."""
        if one.error is None:
            one.error = self._why_not(one)
        if one.error and not one.wanted.stray:
            self._tell(one.wanted.inside)

    def _why_not(self, one: Outcome) -> RipguardError | None:
        file, number = one.wanted.file, self.release.rows.number(one.home) if one.home else None
        if number is None:
            return VerifyFailed(f"{file} is not in the manifest of the release", "move it out, or use --loose")
        if not one.wanted.place and not self.asked.wants(one.home):
            return VerifyFailed(f"{file} is {one.home} of the release, which was not asked for", "name that instead")
        if self.state[number] == self.BACK:
            return VerifyFailed(f"{file} is a second copy of {one.home}", "move it out of the release")
        place = one.wanted.place or self.asked.place_of(one.home)
        if too_long(place):
            return Damaged(f"{file}: its place in the release has a longer name than file systems allow")
        self.state[number] = self.BACK
        if one.wanted.stray:
            self.result.moved.append((str(file), one.home))
            one.wanted, one.name = replace(one.wanted, place=place), one.name or PurePosixPath(place).name
        return None

    def _tell(self, place: str) -> None:
        if (number := self.release.rows.number(place)) is not None:
            self.state[number] = max(self.state[number], self.TOLD)

    def refuse_missing(self) -> None:
        """Put the images on the list that were asked for and of which there is no trace."""
        if self.MISSING in self.state:
            for row, state in zip(self.release.rows, self.state):
                if state == self.MISSING and self.asked.wants_row(row):
                    gone = VerifyFailed(f"{row['path']} of the release is missing", "get a fresh copy of it")
                    refuse(self.result, str(self.release.root / row["path"]), gone)


def refuse(result: Restored, path: str, error: RipguardError) -> None:
    """Put one file on the list of what did not come back."""
    result.refused.append({"path": path, "code": error.code, "message": error.message})
    result.first_error = result.first_error or error


def _give_names(done: list[Outcome], tree: Path, originals: Path, result: Restored) -> None:
    """Move files that wait to where their images belong, under their own names where no other has that there."""
    asked = Counter(PurePosixPath(one.wanted.place).with_name(one.name) for one in done)
    made = set[Path]()
    for one in done:  # folders first of all: one may have a file's name
        if (folder := (tree / one.wanted.place).parent) not in made:
            with _place(one, result):
                folder.mkdir(parents=True, exist_ok=True)
                made.add(folder)
    for one in done:
        if one.error is None:
            names = _names_for(PurePosixPath(one.wanted.place), one.name, asked)
            with _place(one, result):
                target = next(tree / name for name in names if not os.path.lexists(tree / name))
                os.rename(originals / str(one.wanted.number), target)


@contextlib.contextmanager
def _place(one: Outcome, result: Restored) -> Iterator[None]:
    """What no file system has room for, a path too long or a file below another file, costs that image alone."""
    with storage("cannot write"):
        try:
            yield
        except OSError as error:
            if error.errno not in (errno.ENAMETOOLONG, errno.EEXIST, errno.ENOTDIR):
                raise
            reason = f"{one.wanted.file}: its place in the output cannot be made: {error.strerror}"
            one.error = Damaged(reason, "a shorter OUT, or another name in a copy of the release")
    if one.error:
        refuse(result, str(one.wanted.file), one.error)
        result.restored -= 1


def _names_for(place: PurePosixPath, name: str, asked: Counter[PurePosixPath]) -> Iterator[PurePosixPath]:
    """Where an original file may stand, best first: under its own name if nobody else asks for it there."""
    own, suffix = place.with_name(name), PurePosixPath(name).suffix
    if asked[own] == 1:
        yield own
    yield place.with_suffix(suffix)
    for number in itertools.count():
        yield place.with_name(f"{place.name}{f'.{number}' if number else ''}{suffix}")


def _tidy(work: Path) -> None:
    """Remove what a restoration kept in a working folder; what an unfinished protection keeps there stays."""
    for name in KEPT:
        shutil.rmtree(work / name, ignore_errors=True)
    drop_empty_work(work)


def _work(tree: Path, originals: Path, world: Opened, batch: list[Wanted]) -> list[Outcome]:
    outcomes = []
    restored = restore_files(world.with_key, [one.file for one in batch], [one.inside for one in batch])
    for wanted, one in zip(batch, restored):
        error, name = one.error, one.file[0] if one.file else ""
        if error is None and any(map(too_long, (name, "" if wanted.stray else wanted.place))):
            error = Damaged(f"{wanted.file}: its name in the release is longer than file systems allow")
        if error is None and one.clean is not None:
            data = one.file[1] if one.file else png_bytes(one.clean)
            try:
                write_unsynced(originals / str(wanted.number) if name or wanted.stray else tree / wanted.place, data)
            except Damaged as taken:
                error = Damaged(f"{wanted.file}: {taken.message}", taken.hint)
        outcomes.append(Outcome(wanted, one.exact, error, name, one.home))
    return outcomes


def _copy_annotations(asked: Asked, tree: Path, result: Restored) -> None:
    """Annotation files below the folders of the release travel along, if they are those that were published."""
    for note in asked.release.info["annotations"] if asked.release and asked.whole else ():
        if not note["path"].startswith(tuple(asked.folders)):
            continue
        source, target = asked.release.root / note["path"], tree / asked.place_of(note["path"])  # type: ignore[union-attr]
        try:
            _copy(source, target, note["sha256"])
        except RipguardError as error:
            refuse(result, str(source), error)


def _copy(source: Path, target: Path, digest: str) -> None:
    """Copy what has this SHA-256. Raises :class:`Damaged` for anything else, and leaves nothing then."""
    fresh = "get a fresh copy of it"
    if os.path.lexists(target) or too_long(target.name):
        raise Damaged(f"{source}: there is no place for it in the output", "rename it in a copy of the release")
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
                if found.hexdigest() != digest:
                    raise Damaged(f"{source}: changed after it was published", fresh)
            except BaseException:  # half of it would be taken for the whole
                target.unlink()
                raise
