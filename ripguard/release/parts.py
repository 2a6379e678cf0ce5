"""Where the parts of a release's metadata are on disk: in ``release.ripguard``, or as files of ``.ripguard/``.

Releases of format v2 have the first, those of v0 and v1 the second. ``docs/reference/format.md`` lists the parts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from ripguard.damage import first_bytes, is_archive, last_bytes
from ripguard.errors import Damaged, NotProtected
from ripguard.files import walk
from ripguard.release.find import lost_hint, without_record
from ripguard.release.record import CONTAINER, META, RELEASE, RESIDUE
from ripguard.store.atomic import storage
from ripguard.store.container import damage, sections
from ripguard.store.section import Section

VAULT = "vault.ripguard"  # header of an encrypted dataset, which other commands read


class Parts(ABC):
    """The parts of the metadata of one release."""

    @abstractmethod
    def section(self, name: str) -> Section:
        """The bytes of a part. Raises :class:`FileNotFoundError`, here or when it is read, if there is none."""

    @abstractmethod
    def where(self, name: str = "") -> str:
        """A part, or all of them, in messages."""

    @abstractmethod
    def short(self, name: str) -> str:
        """A part in lists of files: a path in the release, or a part of a file."""

    @abstractmethod
    def names(self) -> list[str]:
        """Names of all parts."""


@dataclass(frozen=True)
class FolderParts(Parts):
    """The files of ``.ripguard/``."""

    root: Path

    def section(self, name: str) -> Section:
        return Section(f"{self.root}/{META}/{name}")  # called for every image

    def where(self, name: str = "") -> str:
        return str(self.root / META / name)

    def short(self, name: str) -> str:
        return f"{META}/{name}"

    def names(self) -> list[str]:
        return sorted(place for place, _ in walk(self.root / META, []))


@dataclass(frozen=True)
class ContainerParts(Parts):
    """The parts of ``release.ripguard``."""

    root: Path
    known: dict[str, Section]

    def section(self, name: str) -> Section:
        if name not in self.known:
            raise FileNotFoundError(name)
        return self.known[name]

    def where(self, name: str = "") -> str:
        file = str(self.root / CONTAINER)
        return f"{name} in {file}" if name else file

    def short(self, name: str) -> str:
        return f"{CONTAINER}: {name}"

    def names(self) -> list[str]:
        return list(self.known)


def parts_of(root: Path) -> Parts:
    """The metadata of the release at ``root``.

    Raises:
        NotProtected: there is neither.
        Damaged: the container, or ``.ripguard`` or its folder, is a link, or no container.
        StorageError: it cannot be read.
    """
    file, meta = root / CONTAINER, root / META
    with storage("cannot read"):
        try:
            return ContainerParts(root, sections(file))
        except ValueError as error:
            why, hint = damage(first_bytes(file) or b"", last_bytes(file) or b"", error)
            raise Damaged(f"{file} is damaged{f': {why}' if why else ''}", hint) from None
        except (FileNotFoundError, NotADirectoryError):
            pass
    for folder in (meta, meta / RESIDUE):
        if folder.is_symlink():
            raise Damaged(f"{folder} is a link, and links are not followed", "put a copy in its place: cp -rL")
    if not meta.is_dir():
        raise not_a_release(root)
    return FolderParts(root)


def not_a_release(root: Path) -> NotProtected:
    """The error for a path that is no release: a folder without metadata, an archive, another file."""
    what = f"{root} is not a protected release"
    if (root / VAULT).is_file():
        return NotProtected(f"{what}: it is a vault", "ripguard vault inspect, verify and decrypt read it")
    if root.is_file():
        if is_archive(first_bytes(root) or b""):
            return NotProtected(f"{what}: it is an archive", "unpack it, and name the folder that is in it")
        return NotProtected(f"{what}: it is a file", f"name the folder that holds {CONTAINER}")
    if (gone := without_record(root)) and gone.parent == root.resolve():
        return NotProtected(f"{what}: its file {gone.name} is missing", lost_hint(root))
    without = f"it has no {CONTAINER}, and no {META}/{RELEASE}, which copies without hidden files leave out"
    return NotProtected(what, without)
