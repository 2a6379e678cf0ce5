"""The folder that a conversion writes: whole or absent. Images are copied byte for byte, or linked."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable
from pathlib import Path

from ripguard.bar import Bar
from ripguard.errors import InputRefused, StorageError, shown
from ripguard.interchange.model import Annotated, Media, Sample
from ripguard.store.atomic import (
    LOCK,
    drop_all_work,
    drop_work,
    lock,
    make_working_folder,
    publish_folder,
    refuse_existing,
    storage,
    working_folder,
    write_unsynced,
)
from ripguard.store.schema import path
from ripguard.store.together import FEWEST, together
from ripguard.systems import link


class Output:
    """An unpublished folder.

    Args:
        root: the folder.
        link: images become hard links to those of the source, where these are files.
    """

    def __init__(self, root: Path, link: bool = False) -> None:
        self.root, self._link, self._made = root, link, set[str]()

    def text(self, name: str, content: str) -> None:
        """Write a UTF-8 text file. Lone surrogates, which encode bytes of file names, are refused."""
        try:
            self.data(name, content.encode())
        except UnicodeEncodeError:
            raise InputRefused(f"{name}: a name in it is no text", "rename the file in the source") from None

    def data(self, name: str, content: bytes) -> None:
        write_unsynced(self._place(name), content, self._made)

    def _place(self, name: str) -> str:
        """Where a file is written. Names come from files of strangers: raises :class:`InputRefused` outside of it."""
        if not path(name):
            raise InputRefused(f"{shown(name)}: this name leads out of the output", "correct it in the source")
        return os.path.join(self.root, name)

    def media(self, name: str, media: Media) -> None:
        """Copy or link a file. Raises :class:`StorageError` if it cannot be read, or not linked."""
        if self._link and media.path is not None:
            self._hard_link(name, media.path)
            return
        with storage("cannot read"):
            data = media.read()
        self.data(name, data)

    def _hard_link(self, name: str, source: Path) -> None:
        place = self._place(name)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        try:
            link(os.path.realpath(source), place)
        except OSError as error:
            raise StorageError(f"cannot link {source}: {error.strerror}", "leave out --link, to copy") from None

    def samples(self, dataset: Annotated, place: Callable[[Sample], str]) -> None:
        """Copy or link all images, with a progress bar. ``place``: path of a sample's image."""
        for sample in Bar(dataset.samples, stage="writing", unit="image"):
            self.media(place(sample), sample.media)

    def others(self, files: dict[str, Media]) -> None:
        """Copy files of the source that no sample uses, except where the format has written a file of its own."""
        for name, media in files.items():
            if not os.path.lexists(self.root / name):
                self.media(name, media)


def written(out: Path, files: int, link: bool, write: Callable[[Output], None]) -> None:
    """Make a folder; it appears when it is complete.

    Args:
        out: the folder, which does not exist or is empty.
        files: about how many files are written.
        write: writes them.

    Raises:
        OutputRefused: ``out`` exists, or another process writes to it.
        StorageError: reading or writing failed.
    """
    refuse_existing(out)
    partial = make_working_folder(out)
    with lock(partial / LOCK):
        tree = partial / "tree"
        drop_work(tree)
        try:
            with storage("cannot create"):
                tree.mkdir()
            with together(tree, max(files, FEWEST)) as writer:
                write(Output(tree, link))
                writer.sync_tree(tree)
            publish_folder(tree, out)
        finally:
            drop_all_work(working_folder(out))


def safe(part: str, spare: str = "_") -> str:
    """A folder or file name from a class or split, which may have any characters."""
    name = part.replace("/", spare).replace("\\", spare).replace("\0", spare).strip()
    return f"{spare}{name}" if not name or name.startswith(".") else name


def joined(*parts: str) -> str:
    """A relative path of the parts that are not empty."""
    return posixpath.join(*[part for part in parts if part])
