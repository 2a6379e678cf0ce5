"""Registry of data sources: a new source is one new file and one line here."""

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
    """Name for folders and records of a source: ``cifar10``, ``tinyimagenet-second``, or the name of the folder."""
    return Path(spec.replace(":", "-")).name


def open_source(spec: str, labels: str | None = None) -> Source:
    """Open a dataset (``photos``, ``cifar10``, ``tinyimagenet[:classes]``) or a folder (``folder:PATH`` or its path).

    A folder with the name of a dataset is written ``./photos`` or ``folder:photos``.

    Args:
        labels: path of a labels file, see :func:`ripguard.data.folder.folder`.

    Raises:
        UsageError: an argument for a source without arguments, or labels for a source with its own labels.
        InputRefused: the source cannot be read.
    """
    name, _, argument = spec.partition(":")
    if name in SOURCES:
        if argument and not signature(SOURCES[name]).parameters:
            raise UsageError(f"{name} takes no argument, got {argument!r}", f"write {name}")
        if labels:
            raise UsageError(f"--labels is for folders, but {name} has its own labels", f"write ./{name} for a folder")
        return SOURCES[name](argument) if argument else SOURCES[name]()
    return folder(Path(argument if name == FOLDER and argument else spec), Path(labels) if labels else None)


def as_source(source: str | os.PathLike[str] | Source, labels: str | os.PathLike[str] | None = None) -> Source:
    """A source from a source, a name, or a folder; see :func:`open_source`. A :class:`Path` always means a folder."""
    if isinstance(source, Source):
        if labels:
            raise UsageError("labels are for folders, but this source has its own")
        return source
    if isinstance(source, str):
        return open_source(source, os.fspath(labels) if labels else None)
    return folder(Path(source), Path(labels) if labels else None)


def export(source: Source, target: Path) -> int:
    """Copy the images of a source to ``target/<split>/<class>/…``; returns their number.

    Raises:
        OutputRefused: ``target`` exists and is not empty.
    """
    from ripguard.bar import Bar

    if target.exists() and any(target.iterdir()):
        raise OutputRefused(f"{target} exists and is not empty", "choose another folder")
    for item in Bar(source.items, stage=f"export {source.name}", unit="image"):
        place = target / item.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(item.read())
    return len(source.items)
