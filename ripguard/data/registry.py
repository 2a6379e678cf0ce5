"""Names of data sources: a new source is one new file and one line here."""

from __future__ import annotations

import os
from collections.abc import Callable
from inspect import signature
from pathlib import Path

from ripguard.data.cifar10 import cifar10
from ripguard.data.folder import folder
from ripguard.data.photos import photos
from ripguard.data.source import Source
from ripguard.data.tinyimagenet import tinyimagenet
from ripguard.errors import OutputRefused, UsageError

SOURCES: dict[str, Callable[..., Source]] = {
    "photos": photos,
    "cifar10": cifar10,
    "tinyimagenet": tinyimagenet,
}


FOLDER = "folder"


def short_name(spec: str) -> str:
    """What folders and records of a source are called: ``cifar10``, ``tinyimagenet-second``, a folder's own name."""
    return Path(spec.replace(":", "-")).name


def open_source(spec: str, labels: str | None = None) -> Source:
    """A source by name (``photos``, ``cifar10``, ``tinyimagenet[:classes]``) or a folder (``folder:PATH`` or its path).

    A folder in the working directory that is called like a dataset is reached as ``./photos`` or ``folder:photos``.

    Raises:
        UsageError: an argument of a source that has none, or labels for one that has its own.
    """
    name, _, argument = spec.partition(":")
    if name in SOURCES:
        if argument and not signature(SOURCES[name]).parameters:
            raise UsageError(f"{name} is one dataset: {argument!r} chooses nothing in it", f"write {name}")
        if labels:
            raise UsageError(f"--labels is for folders, and {name} has labels", f"a folder of that name is ./{name}")
        return SOURCES[name](argument) if argument else SOURCES[name]()
    return folder(Path(argument if name == FOLDER and argument else spec), Path(labels) if labels else None)


def as_source(source: str | os.PathLike[str] | Source, labels: str | os.PathLike[str] | None = None) -> Source:
    """A source itself, or one by name, folder or URI: see :func:`open_source`. A :class:`Path` is always a folder."""
    if isinstance(source, Source):
        if labels:
            raise UsageError("labels are for folders, and this source has its own")
        return source
    if isinstance(source, str):
        return open_source(source, os.fspath(labels) if labels else None)
    return folder(Path(source), Path(labels) if labels else None)


def export(source: Source, target: Path) -> int:
    """Copy a source's images into a new folder tree ``target/<split>/<class>/…``; returns how many."""
    from ripguard.progress import Bar

    if target.exists() and any(target.iterdir()):
        raise OutputRefused(f"{target} exists and is not empty", "choose another folder")
    for item in Bar(source.items, stage=f"export {source.name}", unit="image"):
        place = target / item.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(item.read())
    return len(source.items)
