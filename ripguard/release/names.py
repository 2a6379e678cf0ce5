"""Paths of the images in a release: with the suffix of its format, unique on every file system, and safe to print."""

from __future__ import annotations

import itertools
import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import Any, overload

from ripguard.data.source import Item
from ripguard.errors import InputRefused, acts, refuse_all
from ripguard.release.record import CONTAINER
from ripguard.store.schema import MOST_INFO

LONGEST_NAME = 255  # bytes of one part of a path
ROW_OF_TEXT = 300  # bytes in release.json of a text whose source is sealed, besides its escaped path


def published_places(items: list[Item]) -> list[str]:
    """Path of each item in a release of PNG files: its path in the source, with the suffix ``.png``.

    Raises:
        InputRefused: see :func:`published_names`.
    """
    return published_names([item.name for item in items])


@overload
def published_names(names: list[str], *, suffix: str = ".png") -> list[str]: ...


@overload
def published_names(names: list[str], keep_going: bool, suffix: str = ".png") -> list[str | InputRefused]: ...


def published_names(names: list[str], keep_going: bool = False, suffix: str = ".png") -> Any:
    """Path of each source image in the release: ``a.jpg`` → ``a.png``, or ``a.jpg.png`` where two would collide.

    Two names collide if a file system may treat them as equal, because it ignores case or normalizes Unicode. A
    release can therefore be unpacked anywhere.

    Args:
        keep_going: return the error in place of a name that is too long.
        suffix: of the format of the published images.

    Raises:
        InputRefused: names that would become longer than file systems allow; the message lists all of them.
    """
    plain = [_with(suffix, name) for name in names]
    keys = [_folded(short) for short in plain]
    counts, result = Counter(keys), list[str | InputRefused]()
    taken = {""}  # folders are names as well
    for folder in {_folded(name.rpartition("/")[0]) for name in names}:
        while folder not in taken:
            taken.add(folder)
            folder = folder.rpartition("/")[0]
    for name, short, key in zip(names, plain, keys):
        out = short if counts[key] == 1 else f"{name}{suffix}"
        number = 0
        while _folded(out) in taken:
            number += 1
            out = f"{name}.{number}{suffix}"
        if too_long(out):
            result.append(
                InputRefused(f"{name}: its published name would be longer than {LONGEST_NAME} bytes", "shorten it")
            )
            continue
        taken.add(_folded(out))
        result.append(out)
    if not keep_going:
        refuse_all([one for one in result if isinstance(one, InputRefused)])
    return result


def too_long(path: str) -> bool:
    """Whether a part of a path is longer than file systems allow."""
    if len(path) <= LONGEST_NAME and path.isascii():
        return False
    return any(len(part.encode(errors="surrogateescape")) > LONGEST_NAME for part in path.split("/"))


def refuse_texts(texts: list[str], places: Mapping[str, str]) -> None:
    """Raise :class:`InputRefused` for too many texts, and for those below a folder that has the path of an image.

    Args:
        texts: paths of the annotation files.
        places: path in the release of each image.
    """
    taken = set(places.values())
    refuse_all(
        [
            InputRefused(f"{name}: its folder has the name of a published image", "rename the folder")
            for name in texts
            if any(folder in taken for folder in itertools.accumulate(name.split("/")[:-1], "{}/{}".format))
        ]
    )
    if sum(ROW_OF_TEXT + 6 * len(name) for name in texts) > MOST_INFO:
        raise InputRefused(
            f"{len(texts):,} texts are more than one release can list",
            "join them in fewer files, or make several releases",
        )


def odd_names(names: list[str]) -> list[InputRefused]:
    """Refusals of names that cannot be published.

    These are names with control or bidirectional characters, which could spoof a terminal, and the place of the
    release's own file.
    """
    hint = "rename it: control characters and marks of writing direction are not published"
    found = [
        InputRefused(f"{name}: its name holds a character that is not shown", hint) for name in names if acts(name)
    ]
    taken = [name for name in names if _folded(name.partition("/")[0]) == CONTAINER]
    return found + [
        InputRefused(f"{name}: the release's file {CONTAINER} needs its place", "rename it") for name in taken
    ]


def _with(suffix: str, name: str) -> str:
    """``a/b.jpg`` → ``a/b.png`` for ``.png``, as :meth:`PurePosixPath.with_suffix` does, but ten times as fast."""
    folder, slash, last = name.rpartition("/")
    dot = last.rfind(".")
    return f"{folder}{slash}{last[:dot] if 0 < dot < len(last) - 1 else last}{suffix}"


def _folded(name: str) -> str:
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name).casefold()
