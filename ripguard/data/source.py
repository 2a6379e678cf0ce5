"""What a data source is: a list of images with split and label, and the annotation files that travel along."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ripguard.errors import InputRefused, StorageError, UsageError, tell
from ripguard.files import sync_folder
from ripguard.images.decoding import read_by, read_file

DATA_VARIABLE, CACHE_VARIABLE = "RIPGUARD_DATA", "RIPGUARD_CACHE"
TRAIN_SPLITS = ("train", "training")
TEST_SPLITS = ("test", "val", "valid", "validation")


@dataclass(frozen=True, slots=True)
class Item:
    """One clean image: a file, or bytes that somebody else gives.

    Attributes:
        name: POSIX path it is known by, relative to the dataset; decides where the published image stands.
        path: the file, None where there is none.
        split: ``"train"``, ``"test"`` …
        label: class name, ``""`` where unlabelled.
        reader: gives the bytes of an image file, always the same ones; it is pickled for
            worker processes, so a module must have it, not the script that is run.
    """

    name: str
    path: Path | None
    split: str
    label: str
    reader: Callable[[], bytes] | None = None

    def read(self) -> bytes:
        """Bytes of the image file. Raises :class:`InputRefused`, :class:`StorageError`."""
        if self.reader:
            return read_by(self.reader, self.name)
        if self.path is None:
            raise InputRefused(f"{self.name}: it has neither a file nor a reader")
        return read_file(self.path, self.name)


@dataclass
class Source:
    """A dataset: items sorted by name, annotation files as (name, path), files left out as names."""

    name: str
    items: list[Item]
    annotations: list[tuple[str, Path]] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    roots: list[Path] = field(default_factory=list)

    @property
    def labels(self) -> list[str]:
        return sorted({item.label for item in self.items})

    def limited(self, limit: int | None) -> Source:
        """The first ``limit`` items taken evenly from all split/label groups; everything for None."""
        if limit is None or limit >= len(self.items):
            return self
        groups: dict[tuple[str, str], list[Item]] = {}
        for item in self.items:
            groups.setdefault((item.split, item.label), []).append(item)
        ranked = sorted((i, item.name, item) for group in groups.values() for i, item in enumerate(group))
        chosen = sorted((item for _, _, item in ranked[:limit]), key=lambda item: item.name)
        return Source(self.name, chosen, self.annotations, self.ignored, self.roots)


def made_once(target: Path, make: Callable[[Path], None], whole: Callable[[Path], bool] | None = None) -> Path:
    """A cached folder: ``make`` fills a private one, which then takes the name; safe with several processes at once.

    Args:
        whole: whether a folder that is there has all that ``make`` makes; if not, it is made again.
    """
    if target.is_dir():
        if whole is None or whole(target):
            return target
        tell(f"ripguard: note: {target} is not whole, and is made again")
    target.parent.mkdir(parents=True, exist_ok=True)
    private = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        make(private / "new")
        if hasattr(os, "sync"):
            os.sync()  # else a power cut could leave the name, and empty files below it
        if target.is_dir() and not (whole and whole(target)):
            with contextlib.suppress(OSError):  # another process was first here, too
                target.rename(private / "old")
        with contextlib.suppress(OSError):  # another process was first: its folder is as good
            (private / "new").rename(target)
        sync_folder(target.parent)
    finally:
        shutil.rmtree(private, ignore_errors=True)
    return target


def data_root() -> Path | None:
    """The folder named by ``RIPGUARD_DATA``, if any."""
    return _named_by(DATA_VARIABLE)


def cache_root() -> Path:
    """Where downloads, generated images and trained surrogates are kept: ``RIPGUARD_CACHE`` or the user's cache.

    Where there is no home, or none that can be written into, as for an unknown user in a container: below
    ``XDG_CACHE_HOME``, else in a private folder among the temporary files.

    Raises:
        StorageError: somebody else has that folder.
    """
    if named := _named_by(CACHE_VARIABLE):
        return named
    with contextlib.suppress(RuntimeError):  # no HOME, and nobody knows this user
        home = Path.home() / ".cache" / "ripguard"
        if home.is_dir() or _writable(home):
            return home
    given = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(given):
        return Path(given) / "ripguard"
    return _private_folder(Path(tempfile.gettempdir()) / f"ripguard-{os.getuid()}")


def _named_by(variable: str) -> Path | None:
    value = os.environ.get(variable)
    try:
        return Path(value).expanduser() if value else None
    except RuntimeError:
        raise UsageError(f"{variable}: there is no home folder for {value!r}", "name the folder in full") from None


def _writable(path: Path) -> bool:
    """Whether a folder can be made there."""
    there = next((folder for folder in path.parents if folder.exists()), None)
    return there is not None and os.access(there, os.W_OK | os.X_OK)


def _private_folder(path: Path) -> Path:
    """Make it for this user alone, or take the one that is there: what others put into it would be believed."""
    with contextlib.suppress(FileExistsError):
        path.mkdir(0o700)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise StorageError(
            f"{path} is not a private folder of this user", f"name a folder for the cache by {CACHE_VARIABLE}"
        )
    return path
