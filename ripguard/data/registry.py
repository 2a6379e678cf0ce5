"""Registry of data sources: a new source is one new file and one line here."""

from __future__ import annotations

import os
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

from ripguard.data.cifar10 import cifar10
from ripguard.data.demo import demo
from ripguard.data.folder import folder
from ripguard.data.photos import photos
from ripguard.data.source import Source
from ripguard.data.tinyimagenet import tinyimagenet
from ripguard.errors import OutputRefused, UsageError, refuse_all

SOURCES: dict[str, Callable[..., Source]] = {
    "demo": demo,
    "photos": photos,
    "cifar10": cifar10,
    "tinyimagenet": tinyimagenet,
}


FOLDER = "folder"


def short_name(spec: str) -> str:
    """Name for folders and records of a source: ``cifar10``, ``tinyimagenet-second``, or the name of the folder."""
    return Path(spec.replace(":", "-")).name


def open_source(spec: str, labels: str | None = None, **options: Any) -> Source:
    """Open a dataset (``demo``, ``cifar10``, ``tinyimagenet[:classes]`` …) or a folder (``folder:PATH`` or its path).

    A folder with the name of a dataset is written ``./photos`` or ``folder:photos``.

    Args:
        labels: path of a labels file, see :func:`ripguard.data.folder.folder`.
        options: further options of :func:`ripguard.data.folder.folder`.

    Raises:
        UsageError: an argument for a source without arguments, or options of folders for another source.
        InputRefused: the source cannot be read, or holds files that must be mended first.
    """
    return as_source(spec, labels, **options)


def as_source(
    source: str | os.PathLike[str] | Source,
    labels: str | os.PathLike[str] | None = None,
    strict: bool = True,
    names_only: bool = False,
    **options: Any,
) -> Source:
    """A source from a source, a name, or a folder; see :func:`open_source`. A :class:`Path` always means a folder.

    Args:
        strict: raise the refusals of a folder, instead of keeping them in ``refused``.
        names_only: splits and classes are not needed: no layout is refused.
        options: further options of :func:`ripguard.data.folder.folder`.

    Raises:
        UsageError, InputRefused: as :func:`open_source`.
    """
    given = ["labels"] if labels else []
    given += [name for name, value in options.items() if value not in (None, False, "auto")]
    if isinstance(source, Source):
        if given:
            raise UsageError(f"{given[0]}: an option of folders, but this source has its own labels")
        found = source
    elif isinstance(source, str) and (name := source.partition(":")[0]) in SOURCES:
        argument = source.partition(":")[2]
        if argument and not signature(SOURCES[name]).parameters:
            raise UsageError(f"{name} takes no argument, got {argument!r}", f"write {name}")
        if given:
            flag = given[0].replace("_", "-")
            raise UsageError(f"--{flag} is for folders, but {name} has its own labels", f"write ./{name} for a folder")
        found = SOURCES[name](argument) if argument else SOURCES[name]()
    else:
        spec = os.fspath(source)
        if isinstance(source, str) and spec.startswith(f"{FOLDER}:"):
            spec = spec.removeprefix(f"{FOLDER}:") or spec
        if names_only:
            options = {"layout": "flat", "follow_links": True}
        found = folder(Path(spec), Path(labels) if labels else None, **options)
    if strict:
        refuse_all(found.refused)
    return found


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
