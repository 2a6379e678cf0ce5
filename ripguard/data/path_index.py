"""Finds the image of a dataset that a path in one of its texts means, also if it was written on another machine."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

NO_NAME, NO_PATH = -1, 0  # lengths of what matched


class PathIndex:
    """Images by path and by every end of it, each with a value.

    Args:
        values: (POSIX path relative to the dataset, value) of each image.
    """

    def __init__(self, values: Iterable[tuple[str, str]]) -> None:
        self._images: dict[str, str | None] = {}  # None: several values
        self._ends: dict[str, str | None] = {}
        for path, value in values:
            _enter(self._images, path, value)
            end = path
            while True:
                _enter(self._ends, end, value)
                _, slash, end = end.partition("/")
                if not slash:
                    break
        places = {path.rpartition("/")[0] for path in self._images} - {""}
        self._folders = {posixpath.join(*parts[: i + 1]) for parts in (p.split("/") for p in places)
                         for i in range(len(parts))}  # fmt: skip
        self._folder_names = {folder.rpartition("/")[2] for folder in self._folders}

    def find(self, path: str, bases: list[str]) -> tuple[int, str | None]:
        """The value of the images that ``path`` may mean.

        In this order: an image below one of ``bases``; images whose path ends with ``path``; the same for what is left
        of ``path`` without leading folders, unless these are folders of the dataset, in which there is no such image.

        Args:
            path: with ``/``; relative, absolute, or a URL.
            bases: folders that it may be relative to, ``""`` for the dataset.

        Returns:
            Number of characters of ``path`` that matched, and the value, None if several values are possible. The
            number is ``NO_PATH`` if images of this name have other paths, ``NO_NAME`` if there are none.
        """
        if path.rpartition("/")[2] not in self._ends:
            return NO_NAME, None
        if path.startswith("../") or "/../" in path:
            for base in bases:
                joined = posixpath.normpath(posixpath.join(base, path))
                if joined in self._images:
                    return len(path), self._images[joined]
        end, dropped = path.lstrip("/"), list[str]()
        rooted = path.startswith("/")
        while True:
            for base in bases:
                joined = f"{base}/{end}" if base else end
                if joined in self._images and (not dropped or self._may_drop(dropped[-1], base, end)):
                    return len(end), self._images[joined]
            # a part of an image's path, unless a folder before it belongs to another part of the dataset
            partial = end in self._ends and ("/" in end or not (dropped or rooted))
            if partial and self._folder_names.isdisjoint(dropped):
                return len(end), self._ends[end]
            folder, slash, rest = end.partition("/")
            if not slash or end.rpartition("/")[0] in self._folders:
                return NO_PATH, None
            dropped.append(folder)
            end = rest

    def _may_drop(self, folder: str, base: str, end: str) -> bool:
        """Whether the folder before ``end`` is outside the dataset: none of those in ``base``, or around them
        (``cats/cats/1.jpg``)."""
        return folder == end.partition("/")[0] or posixpath.join(base, folder) not in self._folders


def _enter(table: dict[str, str | None], key: str, value: str) -> None:
    table[key] = value if table.setdefault(key, value) == value else None
