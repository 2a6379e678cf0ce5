"""What a data source is: a list of pictures with split and label, and the annotation files that travel along."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

DATA_VARIABLE = "RIPGUARD_DATA"
TRAIN_SPLITS = ("train", "training")
TEST_SPLITS = ("test", "val", "valid", "validation")


@dataclass(frozen=True, slots=True)
class Item:
    """One clean picture.

    Attributes:
        name: POSIX path it is known by, relative to the data set; decides where the published picture stands.
        path: the file.
        split: ``"train"``, ``"test"`` …
        label: class name, ``""`` where unlabelled.
    """

    name: str
    path: Path
    split: str
    label: str


@dataclass
class Source:
    """A data set: items sorted by name, annotation files as (name, path), files left out as names."""

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


def made_once(target: Path, make: Callable[[Path], None]) -> Path:
    """A cached folder: ``make`` fills a private one, which then takes the name; safe with several processes at once."""
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    private = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        make(private)
        with contextlib.suppress(OSError):  # another process was first: its folder is as good
            private.rename(target)
    finally:
        shutil.rmtree(private, ignore_errors=True)
    return target


def data_root() -> Path | None:
    """The folder named by ``RIPGUARD_DATA``, if any."""
    value = os.environ.get(DATA_VARIABLE)
    return Path(value).expanduser() if value else None


def cache_root() -> Path:
    """Where downloads, generated pictures and trained surrogates are kept: ``RIPGUARD_CACHE`` or the user's cache."""
    value = os.environ.get("RIPGUARD_CACHE")
    return Path(value).expanduser() if value else Path.home() / ".cache" / "ripguard"
