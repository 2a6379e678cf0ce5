"""The files of a dataset's folder, listed once. A name in an annotation is looked up here, so none leads outside."""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass, field
from pathlib import Path

from ripguard.data.splits import canonical
from ripguard.errors import InputRefused, RipguardError
from ripguard.files import walk
from ripguard.images.headers import size_of_image
from ripguard.images.limits import SUFFIXES
from ripguard.interchange.model import Media, Sample, media_of
from ripguard.interchange.parsing import MOST_TEXT, Unreadable, load, name_of
from ripguard.interchange.rejections import Findings
from ripguard.store.atomic import storage

LEFT_BY_PROGRAMS = (".cache",)  # suffixes of files that loaders write for themselves


@dataclass
class Listing:
    """The regular files below a folder, without hidden ones.

    Attributes:
        root: the folder.
        files: relative POSIX path → size in bytes.
        findings: what is rejected while files are read.
        used: paths that some sample, or a reader, has used.
    """

    root: Path
    files: dict[str, int]
    findings: Findings = field(default_factory=Findings)
    used: set[str] = field(default_factory=set)

    def text(self, name: str, most: int = MOST_TEXT) -> str | None:
        """A text file; None, and a rejection, if it cannot be read."""
        self.used.add(name)
        try:
            return load(self.root / name, most)
        except Unreadable as error:
            self.findings.add(name, "", "unreadable file", str(error))
            return None

    def sample(self, path: str, name: str, split: str, file: str = "", position: str = "") -> Sample | None:
        """A sample without annotations from an image of the listing; None, and a rejection, if it is no image.

        Args:
            path: relative path of the image.
            name: name of the sample.
            file, position: where the image is named, for a rejection; "": it is named nowhere.
        """
        self.used.add(path)
        place = self.root / path
        if name_of(name) is None:
            self.findings.add(file or path, position, "invalid value", "the name of the image has control characters")
            return None
        try:
            width, height = size_of_image(place, path)
        except RipguardError as error:
            self.findings.add(file or path, position, "unreadable image", error.message)
            return None
        return Sample(name, media_of(place, self.files[path]), width, height, split)

    def images(self, folder: str = "") -> list[str]:
        """Paths of the images below a folder, sorted; "": of all."""
        start = f"{folder}/" if folder else ""
        return sorted(name for name in self.files if name.startswith(start) and is_image(name))

    def named(self, suffix: str) -> list[str]:
        """Paths that end so, sorted."""
        return sorted(name for name in self.files if name.lower().endswith(suffix))

    def rest(self) -> dict[str, Media]:
        """Files that nothing has used."""
        left = sorted(name for name in self.files.keys() - self.used if not name.endswith(LEFT_BY_PROGRAMS))
        return {name: media_of(self.root / name, self.files[name], image=False) for name in left}


def list_folder(root: Path) -> Listing:
    """List a folder. Links to files are followed if they stay inside; others are rejected.

    Raises:
        InputRefused: it is no folder.
        StorageError: a folder cannot be listed.
    """
    if not root.is_dir():
        raise InputRefused(f"{root}: not a folder", "name the folder of a dataset")
    files: dict[str, int] = {}
    findings = Findings()
    real = os.path.realpath(root)
    with storage("cannot list"):
        for name, entry in walk(root):
            if name.startswith(".") or "/." in name:
                continue
            if entry.is_symlink() and (why := _unfollowed(entry, real)):
                findings.add(name, "", "outside the dataset", why)
            elif entry.is_file():
                files[name] = entry.stat().st_size
    return Listing(root, files, findings)


def _unfollowed(entry: os.DirEntry[str], real: str) -> str:
    """Why a link is left out; "" for one that is followed."""
    target = os.path.realpath(entry.path)
    if not target.startswith(real + os.sep):
        return "a link that leads out of the folder"
    return "a link to a folder, which is not followed" if os.path.isdir(target) else ""


def normal(name: str) -> str | None:
    """A relative path in its shortest form with ``/``; None for one that leads outside, or is absolute."""
    path = posixpath.normpath(name.replace("\\", "/"))
    drive = path[1:2] == ":" and path[:1].isalpha()
    return None if path.startswith(("/", "../")) or path in ("..", ".") or drive else path


def is_image(name: str) -> bool:
    return posixpath.splitext(name)[1].lower() in SUFFIXES


def named_splits(folders: list[str]) -> dict[str, str]:
    """Split of each folder name: ``train2017`` → ``train``, ``valid`` → ``val``; as it is where two would be equal."""
    found = {folder: _split(folder) for folder in folders}
    values = list(found.values())
    return {folder: folder if values.count(split) > 1 else split for folder, split in found.items()}


def _split(folder: str) -> str:
    if not folder:
        return ""
    split = canonical(folder)
    return {"valid": "val", "validation": "val"}.get(split, split)


def folders_of(splits: dict[str, str]) -> dict[str, str]:
    """``Annotated.folders`` of the result of :func:`named_splits`."""
    return {split: folder for folder, split in splits.items() if split != folder}
