"""Restore a folder of protected images through a platform into a new folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ripguard.errors import InputRefused
from ripguard.files import open_regular, walk
from ripguard.images.limits import SUFFIXES
from ripguard.platform.client import Client, Image, Missing
from ripguard.platform.restoring.limits import UploadLimits
from ripguard.platform.restoring.names import Free, Names
from ripguard.platform.restoring.reasons import Refused
from ripguard.store.atomic import (
    lock,
    make_working_folder,
    publish_folder,
    refuse_existing,
    refuse_overlap,
    storage,
    write_unsynced,
)
from ripguard.store.together import together

MOST = 256 << 20  # bytes of an image


@dataclass
class Fetched:
    """What was restored. ``refused``: what was not."""

    restored: int = 0
    refused: list[Missing] = field(default_factory=list)


def fetch(client: Client, dataset: str, path: Path, out: Path) -> Fetched:
    """Restore an image, or all images below a folder.

    Args:
        dataset: id of the dataset.
        out: it appears at the end, with all that was restored.

    Raises:
        InputRefused: there is no image.
        OutputRefused: ``out`` exists, or overlaps ``path``.
        StorageError, Damaged, Absent, LimitReached, SignInFailed: as :meth:`Client.restore`. Nothing appears.
    """
    refuse_existing(out)
    refuse_overlap([path], out)
    names = _names(path)
    if not names:
        raise InputRefused(f"{path}: there are no images", "name a folder with protected images")
    work = make_working_folder(out)
    try:
        with lock(work / "lock"), together(work, len(names)) as files:
            place, done, free = work / "fetched", Fetched(), Free()
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(mode=0o755)
            for one in client.restore(dataset, _read(path, names)):
                if isinstance(one, Missing):
                    if one.reason != "left-out":
                        done.refused.append(one)
                    continue
                name = _name(one, free)
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                write_unsynced(place / name, one.data)
                done.restored += 1
            files.sync_tree(place)
            publish_folder(place, out)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return done


def _names(path: Path) -> list[str]:
    """Relative paths of the images below a folder, sorted; "" for a single file."""
    if not path.is_dir():
        return [""] if path.exists() else []
    with storage("cannot list"):
        found = [place for place, entry in walk(path) if entry.is_file(follow_symlinks=False)]
    return sorted(one for one in found if PurePosixPath(one).suffix.lower() in SUFFIXES)


def _read(path: Path, names: list[str]) -> Iterator[tuple[str, bytes]]:
    for name in names:
        with storage("cannot read"), os.fdopen(open_regular(path / name if name else path, MOST), "rb") as file:
            data = file.read()
        yield name or path.name, data


def _name(one: Image, free: Free) -> str:
    """Where a restored image goes: its path in the source, or its name. A server must not choose places outside."""
    if one.source:
        checked = Names(UploadLimits()).checked(one.source)
        if not isinstance(checked, Refused):
            own = PurePosixPath(checked)
            return free.name(checked[: len(checked) - len(own.suffix)], own.suffix)
    own = PurePosixPath(one.name)
    return free.name(one.name[: len(one.name) - len(own.suffix)], own.suffix)
