"""Data sources: a list of images with split and label, annotation files, and the folders for data and cache."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ripguard.errors import InputRefused, RipguardError, StorageError, tell
from ripguard.files import sync_tree
from ripguard.images.decoding import read_by, read_file
from ripguard.paths import named_by
from ripguard.systems import foreign, open_to_others, private_name, sync_folder

DATA_VARIABLE, CACHE_VARIABLE = "RIPGUARD_DATA", "RIPGUARD_CACHE"
CACHE_HINT = f"set {CACHE_VARIABLE} to a folder with space that you can write to"
CACHED = ("audit", "backbones", "coders", "evaluate", "fitted", "surrogates")  # folders in the cache, of single files


@dataclass(frozen=True, slots=True)
class Item:
    """One clean image: a file, or bytes from a function.

    Attributes:
        name: POSIX path relative to the dataset; determines the path of the published image.
        path: the file, None for an image from a reader.
        split: ``"train"``, ``"test"``, ``"valid"`` …; ``""`` for an image outside all splits.
        label: class name, ``""`` for none.
        reader: returns the bytes of an image file, the same at every call. It is pickled for worker processes, so it
            must be importable from a module.
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
        return read_file(self.path, self.name, source=True)


@dataclass
class Source:
    """A dataset.

    Attributes:
        name: for messages and records.
        items: images, sorted by name.
        annotations: (name, path) of text files that are published with the images.
        left_out: name → why this file is not published.
        roots: folders that the dataset is read from.
        refused: one error for each file that must be mended before the dataset can be protected.
        unusable: names of those in ``refused`` that a release can leave out: images with their split and label, and
            special files with None. The others, such as folders, may hold images that were not found.
        notes: how splits and classes were found.
    """

    name: str
    items: list[Item]
    annotations: list[tuple[str, Path]] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    roots: list[Path] = field(default_factory=list)
    refused: list[InputRefused] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unusable: dict[str, tuple[str, str] | None] = field(default_factory=dict)

    @property
    def labels(self) -> list[str]:
        """All class names, sorted."""
        return sorted({item.label for item in self.items} - {""})

    @property
    def ignored(self) -> list[str]:
        """Names of the files that are left out, sorted."""
        return sorted(self.left_out)

    def limited(self, limit: int | None) -> Source:
        """A source with ``limit`` items, taken evenly from all pairs of split and label; None: all items."""
        if limit is None or limit >= len(self.items):
            return self
        groups: dict[tuple[str, str], list[Item]] = {}
        for item in self.items:
            groups.setdefault((item.split, item.label), []).append(item)
        ranked = sorted((i, item.name, item) for group in groups.values() for i, item in enumerate(group))
        chosen = sorted((item for _, _, item in ranked[:limit]), key=lambda item: item.name)
        return dataclasses.replace(self, items=chosen)


def made_once(target: Path, make: Callable[[Path], None], whole: Callable[[Path], bool] | None = None) -> Path:
    """Path of a cached folder, made if it does not exist. Several processes may call this at once.

    Args:
        target: path of the folder.
        make: creates the folder at a temporary path, which is then renamed.
        whole: whether an existing folder is complete; if not, it is made again.
    """
    if target.is_dir():
        if whole is None or whole(target):
            return target
        tell(f"ripguard: note: {target} is incomplete and is made again")
    make_cached_folder(target.parent)
    private = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        make(private / "new")
        sync_tree(private / "new")  # otherwise a power cut could leave the folder with empty files
        if target.is_dir() and not (whole and whole(target)):
            with contextlib.suppress(OSError):  # another process renamed it first
                target.rename(private / "old")
        with contextlib.suppress(OSError):  # another process made the same folder first
            (private / "new").rename(target)
        sync_folder(target.parent)
    finally:
        shutil.rmtree(private, ignore_errors=True)
    return target


def data_root() -> Path | None:
    """The folder in ``RIPGUARD_DATA``, or None."""
    return named_by(DATA_VARIABLE)


def cache_root() -> Path:
    """Folder for downloads, generated images and trained surrogates: ``RIPGUARD_CACHE`` or ``~/.cache/ripguard``.

    Without a writable home, for instance in a container: below ``XDG_CACHE_HOME``, otherwise a private folder for
    temporary files.

    Raises:
        StorageError: the temporary folder belongs to another user, or others can access it.
    """
    if named := named_by(CACHE_VARIABLE):
        return named
    with contextlib.suppress(RuntimeError):  # no HOME, and no entry for this user
        home = Path.home() / ".cache" / "ripguard"
        if can_make(home):
            return home
    given = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(given):
        return Path(given) / "ripguard"
    try:
        place = Path(tempfile.gettempdir())
    except OSError:  # no folder for temporary files
        raise StorageError(
            "there is no place for the cache: neither a home folder nor one for temporary files can be written",
            f"set {CACHE_VARIABLE} to a folder for the cache",
        ) from None
    return _private_folder(place / private_name())


def can_make(path: Path) -> bool:
    """Whether files can be written to this folder, which need not exist yet."""
    existing = next((folder for folder in [path, *path.parents] if os.path.exists(folder)), None)
    return existing is not None and existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)


def refused_cache(error: StorageError | OSError) -> StorageError | OSError:
    """The error with a hint that names :data:`CACHE_VARIABLE`, if it is of a file in the cache; else the same error."""
    if isinstance(error, OSError):
        none = str(error.strerror).startswith("No usable temporary directory")  # of tempfile, for a library
        return StorageError("there is no folder for temporary files", CACHE_HINT) if none else error
    try:
        root = cache_root()
    except RipguardError:
        return error
    ours = any(error.message.startswith(f"cannot write {root / name}{os.sep}") for name in CACHED)
    return StorageError(error.message, CACHE_HINT) if ours else error


def make_cached_folder(path: Path) -> None:
    """Create a folder in the cache. Raises :class:`StorageError` if it cannot be made, or cannot be written to."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        os.rmdir(tempfile.mkdtemp(dir=path))
    except OSError as error:
        raise StorageError(f"cannot write to the cache {path}: {error.strerror}", CACHE_HINT) from None


def _private_folder(path: Path) -> Path:
    """Create a folder with mode 0700, or check an existing one: files of other users there cannot be trusted."""
    try:
        path.mkdir(0o700)
    except FileExistsError:
        pass
    except OSError as error:
        raise StorageError(
            f"there is no place for the cache: no home folder, and {path}: {error.strerror}",
            f"set {CACHE_VARIABLE} to a folder for the cache",
        ) from None
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or foreign(found) or open_to_others(found):
        raise StorageError(
            f"{path} is not a private folder of this user", f"set {CACHE_VARIABLE} to a folder for the cache"
        )
    return path
