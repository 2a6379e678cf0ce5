"""Which image files are asked for, and where each will go."""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ripguard.crypto.aead import image_digest
from ripguard.crypto.keys import KeyRing
from ripguard.errors import Damaged, InputRefused, NotProtected, RipguardError, StorageError, UsageError
from ripguard.files import open_regular, walk
from ripguard.hide.header import BadHeader
from ripguard.images.decoding import read_image
from ripguard.images.limits import REFUSED_SUFFIXES, STARTS, SUFFIXES
from ripguard.release.find import find_release, without_record
from ripguard.release.manifest import Release
from ripguard.release.names import published_names
from ripguard.release.record import META, RELEASE
from ripguard.release.restorer import read_header
from ripguard.store.rows import Row

ENDINGS = tuple(SUFFIXES | REFUSED_SUFFIXES)
LINK = "a link, and links are not followed"


@dataclass(frozen=True, slots=True)
class Wanted:
    """An image file to be restored.

    Attributes:
        number: which of the run's.
        folder, name: the file, by a folder that was asked for and the path below it.
        place: where it goes in the output, if it comes back as samples.
        inside: where it stands in the release, "" for a loose one.
        stray: the release has no image of that name: which one it is, its samples say, and where it goes, unless it
            was asked for by this name.
    """

    number: int
    folder: Path
    name: str
    place: str
    inside: str
    stray: bool = False

    @property
    def file(self) -> Path:
        return self.folder / self.name


@dataclass
class Asked:
    """What a restoration is asked for.

    Attributes:
        release: the one that the images are of, if any.
        whole: whether names and completeness are compared with its manifest; else images are loose.
        files: what there is, in order, strays last.
        refused: what cannot even be opened: (path, error).
        left_out: files that are no images and that no manifest names.
        told: places in the release of some of those.
        folders: of the release that are asked for: paths with a slash at their ends, "" for all of it.
        base: path in the release that the output stands for, "" or with a slash at its end.
        wants: whether a path in the release is among those asked for.
        single: places in the release of files that were named one by one.
        units: numbers of the units that the key opens, if that is not all of the release: of a folder, their images
            alone are asked for.
    """

    release: Release | None
    whole: bool = False
    files: list[Wanted] = field(default_factory=list)
    refused: list[tuple[str, RipguardError]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    base: str = ""
    wants: Callable[[str], bool] = lambda place: True
    single: frozenset[str] = frozenset()
    units: frozenset[int] | None = None

    def wants_row(self, row: Row) -> bool:
        """Whether the image of a row is asked for, and of a unit that counts."""
        opens = self.units is None or row["unit"] in self.units or row["path"] in self.single
        return opens and self.wants(row["path"])

    def place_of(self, row: str) -> str:
        """Where the image of a row goes in the output."""
        return row.removeprefix(self.base)


def survey(
    paths: list[Path],
    release: Path | None = None,
    only: str | None = None,
    loose: bool = False,
    ring: KeyRing | None = None,
) -> Asked:
    """Look through what is asked for; no image is decoded.

    Args:
        release: the release that loose images come from.
        only: glob on the path below each folder that is named.
        loose: take the images of a release under whatever names they have.
        ring: what will restore them: where it opens single units of the release, a folder stands for their images.

    Raises:
        NotProtected: nothing is there.
        Damaged: what was a release has lost its record, or has one that cannot be read.
        UsageError: some paths lie in the release and some do not.
    """
    for path in paths:
        if not os.path.lexists(path):
            raise NotProtected(f"there is no file or folder {path}")
    root = release or next((found for path in paths if (found := find_release(path))), None)
    if root is None and not loose:
        _refuse_without_record(paths)
    asked = Asked(_open(root, loose and not release) if root else None)
    prefixes = [_prefix(path, root) for path in paths]
    inside = [prefix is not None for prefix in prefixes]
    if asked.release and any(inside) and not loose:
        if not all(inside):
            outside = paths[inside.index(False)]
            raise UsageError(
                f"{outside} does not lie in the release {root}, and another path does",
                "restore them apart, or all of them under the names they have: --loose",
            )
        chosen = [(path, prefix or "") for path, prefix in zip(paths, prefixes)]
        asked.units = asked.release.units_of(ring) if ring is not None else None
        _of_release(asked, asked.release, chosen, only)
        above = release is None and all(prefix and path.is_dir() for path, prefix in chosen)
        if above and not any(map(asked.wants, _paths(asked.release))) and not _knows(asked.release, asked.files):
            asked = Asked(None)  # a release above what was named, and not about it at all
    if not asked.whole:
        _loose(asked, list(zip(paths, prefixes)), only)
    if not asked.files and not asked.refused and not asked.whole:
        raise NotProtected("there is no image to restore" + (f" that matches {only}" if only else ""))
    return asked


def _open(root: Path, if_possible: bool) -> Release | None:
    """The release; None for one that cannot be opened, if it need not be."""
    try:
        return Release.open(root)
    except (Damaged, NotProtected):
        if if_possible:
            return None
        raise


def _refuse_without_record(paths: list[Path]) -> None:
    for path in paths:
        if gone := without_record(path):
            raise Damaged(
                f"{gone} is a release without its {META}/{RELEASE}: labels and completeness cannot be checked",
                "get a fresh copy of it, or restore the images under the names they have: --loose",
            )


def _prefix(path: Path, root: Path | None) -> str | None:
    """Path in the release, "" for all of it; None outside."""
    home = root.resolve() if root else None
    real = path.resolve() if path.is_dir() else path.parent.resolve() / path.name  # a link to a file is none
    if home is None or not (real == home or home in real.parents):
        return None
    return "" if real == home else real.relative_to(home).as_posix()


def _knows(release: Release, files: list[Wanted]) -> bool:
    """Whether the first of these that can be read is an image of the release, under whatever name."""
    for one in files:
        with contextlib.suppress(RipguardError, BadHeader):
            image = read_image(one.file, follow=False)
            if release.by_digest(image_digest(image).hex()):
                return True
            return read_header(image).dataset_id == release.dataset_id
    return False


def _paths(release: Release) -> Iterator[str]:
    return (row["path"] for row in release.rows)


def _of_release(asked: Asked, release: Release, chosen: list[tuple[Path, str]], only: str | None) -> None:
    """Fill in images of the release, each once, and what is asked for of its manifest."""
    asked.whole, seen = True, set[str]()
    folders = [(path, prefix + "/" if prefix else "") for path, prefix in chosen if path.is_dir()]
    single = {prefix for path, prefix in chosen if not path.is_dir()}
    asked.base = _common([prefix for _, prefix in folders] + [name.rpartition("/")[0] + "/" for name in single])
    notes = {note["path"] for note in release.info["annotations"]}

    def wants(place: str) -> bool:
        if place in single:
            return not only or fnmatch.fnmatch(place.rpartition("/")[2], only)
        below = (place.removeprefix(prefix) for _, prefix in folders if place.startswith(prefix))
        return any(not only or fnmatch.fnmatch(name, only) for name in below)

    asked.wants, asked.single, asked.folders = wants, frozenset(single), [prefix for _, prefix in folders]
    strays = list[Wanted]()
    for path, prefix in chosen:
        if path.is_dir():  # who names a link to a folder means the folder
            found = _listed(asked, path)
            start = prefix + "/" if prefix else ""
        else:
            found, start = [(path.name, path.is_symlink())], prefix.rpartition("/")[0] + "/" if "/" in prefix else ""
            path = path.parent
        for name, link in found:
            place = start + name
            if place in seen or META in place.split("/") or place in notes:
                continue
            seen.add(place)
            known = release.rows.samples(place) is not None
            if known and not (wants(place) and _opens(asked, place)):
                continue
            if link:
                asked.refused.append((str(path / name), Damaged(f"{path / name}: {LINK}", "put a copy in its place")))
                asked.told.append(place)
            elif known:
                asked.files.append(Wanted(len(asked.files), path, name, asked.place_of(place), place))
            elif not _image(path / name):
                asked.left_out.append(str(path / name))
            elif not only or wants(place):
                own = name if place in single else ""  # a file that is named may have any name
                strays.append(Wanted(-1 - len(strays), path, name, own, place, stray=True))
    asked.files += strays  # an image that stands at its place comes before copies of it


def _opens(asked: Asked, place: str) -> bool:
    """Whether the key opens the image that the release has at a place; no row is read for one that opens all."""
    if asked.units is None or asked.release is None:
        return True
    row = asked.release.by_path(place)
    return row is not None and asked.wants_row(row)


def _common(folders: list[str]) -> str:
    """The longest path, with a slash at its end, that all begin with; "" for the release itself."""
    parts = [folder.strip("/").split("/") if folder.strip("/") else [] for folder in folders]
    shared = [level[0] for level in itertools.takewhile(lambda level: len(set(level)) == 1, zip(*parts))]
    return "".join(f"{part}/" for part in shared)


def _loose(asked: Asked, paths: list[tuple[Path, str | None]], only: str | None) -> None:
    """Fill in images under whatever names they have."""
    found: list[tuple[Path, str, str]] = []  # folder, path below it, path in the release
    for path, prefix in paths:
        single = not path.is_dir()
        folder = path.parent if single else path
        start = "" if not prefix else prefix.rpartition("/")[0] if single else prefix
        for name, link in [(path.name, path.is_symlink())] if single else _listed(asked, path):
            if META in name.split("/") or (only and not fnmatch.fnmatch(name, only)):
                continue
            if link:
                refusal = InputRefused(f"{folder / name}: {LINK}", "put a copy in its place")
                asked.refused.append((str(folder / name), refusal))
            elif single or _image(folder / name):
                place = "" if prefix is None or asked.release is None else f"{start}/{name}".lstrip("/")
                found.append((folder, name, place))
            else:
                asked.left_out.append(str(folder / name))
    places = published_names([name for _, name, _ in found], keep_going=True)  # a.bmp beside a.png: both come back
    for (folder, name, inside), given in zip(found, places):
        if isinstance(given, RipguardError):
            asked.refused.append((str(folder / name), given))
        else:  # one string where they are equal
            asked.files.append(Wanted(len(asked.files), folder, name, name if given == name else given, inside))


def _listed(asked: Asked, folder: Path) -> list[tuple[str, bool]]:
    """(path below the folder, whether it is a link) of everything in it, in the order of the paths."""
    unlistable = list[OSError]()
    found = [(place, entry.is_symlink()) for place, entry in walk(folder, unlistable)]
    for error in unlistable:
        reason = os.strerror(error.errno) if error.errno else str(error)
        asked.refused.append((str(error.filename), StorageError(f"{error.filename}: cannot be listed: {reason}")))
    return sorted(found, key=lambda one: one[0].split("/"))


def _image(file: Path) -> bool:
    """Whether a file is to be tried as an image: by its suffix, or by how it begins. What is odd is tried as well."""
    if file.name.lower().endswith(ENDINGS) and not file.name.startswith("."):  # ._0.png: notes of a Mac's
        return True
    try:
        handle = open_regular(file)
    except OSError as error:
        return error.errno not in (errno.EINVAL, errno.ENXIO, errno.ENODEV)  # no pipe, no device
    with open(handle, "rb") as opened:
        return opened.read(16).startswith(STARTS)
