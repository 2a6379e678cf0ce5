"""Select the image files of a restoration, and the path of each in the output."""

from __future__ import annotations

import contextlib
import fnmatch
import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ripguard.crypto.aead import image_digest
from ripguard.crypto.keys import KeyRing
from ripguard.damage import first_bytes, is_archive
from ripguard.errors import Damaged, InputRefused, NotProtected, RipguardError, UsageError
from ripguard.hide.header import BadHeader
from ripguard.images.reencoded import file_bytes, read_published
from ripguard.release.find import find_release, lost_hint, without_record
from ripguard.release.identify import as_published, read_header
from ripguard.release.listing import listed, may_be_image
from ripguard.release.manifest import Release
from ripguard.release.names import published_names
from ripguard.release.parts import VAULT, not_a_release
from ripguard.release.record import ATTRIBUTES, CONTAINER, META
from ripguard.release.spelling import folder_as, listed_as
from ripguard.release.strays import is_litter
from ripguard.release.wrapper import unwrapped
from ripguard.store.rows import Row

LINK = "a link, and links are not followed"


@dataclass(frozen=True, slots=True)
class Wanted:
    """An image file to be restored.

    Attributes:
        number: its number in the run.
        folder, name: the file: a folder, and the path below it.
        place: path in the output, for an image that is restored as samples.
        inside: path in the release, "" for a loose image.
        stray: the manifest has no image of that name. Its samples identify it, and the manifest gives its path in the
            output, unless ``place`` is set.
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

    @property
    def path(self) -> str:
        """As ``file``, for each image of a large release: a :class:`Path` takes several times as long."""
        folder = str(self.folder)
        return self.name if folder == "." else os.path.join(folder, self.name)


@dataclass
class Selection:
    """The images of a restoration.

    Attributes:
        release: the release that the images belong to, or None.
        whole: whether names and completeness are compared with its manifest; otherwise images are loose.
        files: files that exist, in order, strays last.
        refused: (path, error) of files and folders that cannot be opened.
        left_out: files that are not images and that no manifest lists.
        litter: hidden and temporary files, which are ignored.
        reported: paths in the release of refused files.
        folders: selected folders of the release: paths that end with a slash, "" for the whole release.
        base: folder of the release that becomes the root of the output, "" or ending with a slash.
        wants: predicate: whether a path in the release is selected.
        single: paths in the release of files that were selected one by one.
        units: numbers of the units that the key opens, None for all. Of a folder, only their images are selected.
    """

    release: Release | None
    whole: bool = False
    files: list[Wanted] = field(default_factory=list)
    refused: list[tuple[str, RipguardError]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    litter: list[str] = field(default_factory=list)
    reported: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    base: str = ""
    wants: Callable[[str], bool] = lambda place: True
    single: frozenset[str] = frozenset()
    units: frozenset[int] | None = None

    def wants_row(self, row: Row) -> bool:
        """Whether the image of a row is selected, and the key opens its unit."""
        opens = self.units is None or row["unit"] in self.units or row["path"] in self.single
        return opens and self.wants(row["path"])

    def place_of(self, row: str) -> str:
        """Path in the output, from a path in the release."""
        return row.removeprefix(self.base)


def select(
    paths: list[Path],
    release: Path | None = None,
    only: str | None = None,
    loose: bool = False,
    ring: KeyRing | None = None,
) -> Selection:
    """List the image files below paths.

    Args:
        paths: releases, parts of one, or loose images.
        release: the release that loose images belong to.
        only: glob on the path below each folder.
        loose: keep the names of the files, also inside a release.
        ring: the keys; if they open single units of the release, only images of these are selected from folders.

    Raises:
        NotProtected: a path does not exist, or there is no image.
        Damaged: a release lacks its record, or the record cannot be read.
        UsageError: some paths lie in the release and others do not.
    """
    for path in paths:
        if not os.path.lexists(path):
            raise NotProtected(f"there is no file or folder {path}")
        vault = (path / VAULT).is_file()
        if vault or (path.is_file() and not find_release(path) and is_archive(first_bytes(path) or b"")):
            raise not_a_release(path)
    if not loose:
        paths = [unwrapped(path) for path in paths]
    root = release or next((found for path in paths if (found := find_release(path))), None)
    if root is None and not loose:
        _refuse_without_record(paths)
    selection = Selection(_open(root, loose and not release) if root else None)
    prefixes = [_prefix(path, root) for path in paths]
    inside = [prefix is not None for prefix in prefixes]
    if selection.release and any(inside) and not loose:
        if not all(inside):
            outside = paths[inside.index(False)]
            raise UsageError(
                f"{outside} does not lie in the release {root}, and another path does",
                "restore them apart, or all of them under the names they have: --loose",
            )
        chosen = [(path, prefix or "") for path, prefix in zip(paths, prefixes)]
        selection.units = selection.release.units_of(ring) if ring is not None else None
        _of_release(selection, selection.release, chosen, only)
        if release is None and all(prefix and path.is_dir() for path, prefix in chosen) and _unrelated(selection):
            selection = Selection(None)
    if not selection.whole:
        _loose(selection, list(zip(paths, prefixes)), only)
    if not selection.files and not selection.refused and not selection.whole:
        raise NotProtected("there is no image to restore" + (f" that matches {only}" if only else ""))
    return selection


def _open(root: Path, if_possible: bool) -> Release | None:
    """The release; None if it cannot be opened and ``if_possible`` is set."""
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
                f"{gone} is missing from a release: labels and completeness cannot be checked",
                f"{lost_hint(gone.parent)}; or restore the images under the names they have: --loose",
            )


def _prefix(path: Path, root: Path | None) -> str | None:
    """Path in the release, "" for its root; None for a path outside."""
    home = root.resolve() if root else None
    real = path.resolve() if path.is_dir() else path.parent.resolve() / path.name  # a link to a file is not followed
    if home is None or not (real == home or home in real.parents):
        return None
    return "" if real == home else real.relative_to(home).as_posix()


def _unrelated(selection: Selection) -> bool:
    """Whether the release, found in a parent folder, contains none of the files."""
    release = selection.release
    if release is None or any(selection.wants(row["path"]) for row in release.rows):
        return False
    return not _knows(release, selection.files)


def _knows(release: Release, files: list[Wanted]) -> bool:
    """Whether the first readable file is an image of the release, under any name."""
    for one in files:
        with contextlib.suppress(RipguardError, BadHeader):
            image = as_published(read_published(file_bytes(one.file), one.name), release)
            if release.by_digest(image_digest(image).hex()):
                return True
            return read_header(image).dataset_id == release.dataset_id
    return False


def _of_release(selection: Selection, release: Release, chosen: list[tuple[Path, str]], only: str | None) -> None:
    """Add the images of the release, each once, and the predicates on its manifest."""
    selection.whole, seen = True, set[str]()
    named = [folder_as(release, place) if path.is_dir() else listed_as(release, place) for path, place in chosen]
    folders = [(path, name + "/" if name else "") for (path, _), name in zip(chosen, named) if path.is_dir()]
    single = {name for (path, _), name in zip(chosen, named) if not path.is_dir()}
    selection.base = _common([prefix for _, prefix in folders] + [name.rpartition("/")[0] + "/" for name in single])

    def wants(place: str) -> bool:
        if place in single:
            return not only or fnmatch.fnmatch(place.rpartition("/")[2], only)
        below = (place.removeprefix(prefix) for _, prefix in folders if place.startswith(prefix))
        return any(not only or fnmatch.fnmatch(name, only) for name in below)

    selection.wants, selection.single, selection.folders = wants, frozenset(single), [prefix for _, prefix in folders]
    strays = list[Wanted]()
    for path, prefix in chosen:
        if path.is_dir():  # a link to a folder that the user gives is followed
            found = listed(path, selection.refused)
            start = prefix + "/" if prefix else ""
        else:
            found, start = [(path.name, path.is_symlink())], prefix.rpartition("/")[0] + "/" if "/" in prefix else ""
            path = path.parent
        for name, link in found:
            place = listed_as(release, start + name)
            if place in seen or release.holds_metadata(place) or place in release.texts:
                continue
            seen.add(place)
            known = release.rows.samples(place) is not None
            if known and not (wants(place) and _opens(selection, place)):
                continue
            if not known and place not in single and is_litter(place):
                selection.litter.append(str(path / name))
                continue
            if link:
                selection.refused.append(
                    (str(path / name), Damaged(f"{path / name}: {LINK}", "put a copy in its place"))
                )
                selection.reported.append(place)
            elif known:
                selection.files.append(Wanted(len(selection.files), path, name, selection.place_of(place), place))
            elif not may_be_image(path / name):
                selection.left_out.append(str(path / name))
            elif not only or wants(place):
                own = name if place in single else ""  # a file that the user gives may have any name
                strays.append(Wanted(-1 - len(strays), path, name, own, place, stray=True))
    selection.files += strays  # images at their paths come before copies of them


def _opens(selection: Selection, place: str) -> bool:
    """Whether the key opens the image at a path in the release. Reads no row for a key that opens all."""
    if selection.units is None or selection.release is None:
        return True
    row = selection.release.by_path(place)
    return row is not None and selection.wants_row(row)


def _common(folders: list[str]) -> str:
    """The longest common folder, ending with a slash; "" for the root of the release."""
    parts = [folder.strip("/").split("/") if folder.strip("/") else [] for folder in folders]
    shared = [level[0] for level in itertools.takewhile(lambda level: len(set(level)) == 1, zip(*parts))]
    return "".join(f"{part}/" for part in shared)


def _loose(selection: Selection, paths: list[tuple[Path, str | None]], only: str | None) -> None:
    """Add images with the names of their files."""
    found: list[tuple[Path, str, str]] = []  # folder, path below it, path in the release
    for path, prefix in paths:
        single = not path.is_dir()
        folder = path.parent if single else path
        start = "" if not prefix else prefix.rpartition("/")[0] if single else prefix
        for name, link in [(path.name, path.is_symlink())] if single else listed(path, selection.refused):
            if _is_metadata(name) or (only and not fnmatch.fnmatch(name, only)):
                continue
            if not single and is_litter(name):
                selection.litter.append(str(folder / name))
                continue
            if link:
                refusal = InputRefused(f"{folder / name}: {LINK}", "put a copy in its place")
                selection.refused.append((str(folder / name), refusal))
            elif single or may_be_image(folder / name):
                place = f"{start}/{name}".lstrip("/")
                place = "" if prefix is None or selection.release is None else listed_as(selection.release, place)
                found.append((folder, name, place))
            else:
                selection.left_out.append(str(folder / name))
    places = published_names([name for _, name, _ in found], keep_going=True)  # a.bmp beside a.png: both are restored
    for (folder, name, inside), given in zip(found, places):
        if isinstance(given, RipguardError):
            selection.refused.append((str(folder / name), given))
        else:  # share one string, to save memory
            selection.files.append(Wanted(len(selection.files), folder, name, name if given == name else given, inside))


def _is_metadata(name: str) -> bool:
    """Whether a path, of a file of any release or none, is that of metadata of a release."""
    parts = name.split("/")
    return META in parts or parts[-1] in (CONTAINER, ATTRIBUTES)
