"""A folder tree of images, with classes from folders (below train/test/val, if they exist) or from a CSV file."""

from __future__ import annotations

import os
from pathlib import Path

from ripguard.data.labels import read_labels
from ripguard.data.source import TEST_SPLITS, TRAIN_SPLITS, Item, Source
from ripguard.errors import InputRefused, refuse_all
from ripguard.files import walk
from ripguard.images.limits import REFUSED_SUFFIXES, SUFFIXES

ANNOTATIONS = frozenset({".txt", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".md"})
METADATA = ("release.ripguard", ".ripguard")  # of a release, of format v2 and of older ones


def folder(root: Path, labels: Path | None = None) -> Source:
    """Read a folder tree.

    Args:
        root: the folder.
        labels: table of labels, see :func:`ripguard.data.labels.read_labels`.

    Raises:
        InputRefused: a link, a file that is neither an image nor an annotation, wrong labels, or no images.
    """
    if not root.is_dir():
        raise InputRefused(f"{root} is not a folder", "give a folder of images, or a dataset of ripguard data list")
    if any((root / name).exists() for name in METADATA):
        raise InputRefused(f"{root} is a protected release already", "give the folder of clean images")
    images: list[tuple[str, Path]] = []
    source, refusals = Source(root.name, [], roots=[root]), list[InputRefused]()
    try:
        found = sorted((place.split("/"), place, entry) for place, entry in walk(root))
    except OSError as error:
        reason = error.strerror if error.errno else error
        raise InputRefused(
            f"{error.filename}: cannot be listed: {reason}", "change its permissions, or move it out"
        ) from None
    for parts, name, entry in found:
        refusal = _sort(parts, name, entry, images, source)
        if refusal:
            refusals.append(refusal)
    refuse_all(refusals)
    table = read_labels(labels, root, [name for name, _ in images]) if labels else None
    with_splits = has_splits([name for name, _ in images])
    for name, path in images:
        if table is not None:
            label, split = table[name]
        else:
            split, label = split_and_label(name, with_splits)
        source.items.append(Item(name, path, split, label))
    source.items.sort(key=lambda item: item.name)
    if not source.items:
        raise InputRefused(f"there is no image in {root}", f"supported: {' '.join(sorted(SUFFIXES))}")
    return source


def has_splits(names: list[str]) -> bool:
    """Whether the first level of folders are splits. A folder ``train`` without folders may also be a class."""
    parts = [name.lower().split("/") for name in names if "/" in name]
    known = TRAIN_SPLITS + TEST_SPLITS
    return bool(parts) and (
        any(len(part) > 2 and part[0] in known for part in parts) or all(part[0] in known for part in parts)
    )


def split_and_label(name: str, with_splits: bool) -> tuple[str, str]:
    """``test/cat/1.png`` → (``test``, ``cat``); ``cat/1.png`` → (``train``, ``cat``); else (``train``, ``""``)."""
    parts = name.split("/")[:-1]
    split = "train"
    if with_splits and parts:
        split = "test" if parts[0].lower() in TEST_SPLITS else parts[0].lower()
        split = "train" if split in TRAIN_SPLITS else split
        parts = parts[1:]
    return split, parts[0] if parts else ""


def _sort(
    parts: list[str], name: str, entry: os.DirEntry[str], images: list[tuple[str, Path]], source: Source
) -> InputRefused | None:
    """Add a file to images, annotations or ignored files; returns an error for any other file."""
    suffix = os.path.splitext(name)[1].lower()
    if entry.is_symlink():
        return InputRefused(f"{name}: links are not followed", "put a copy in its place")
    if any(part.startswith(".") for part in parts) or entry.name in ("Thumbs.db", "desktop.ini"):
        source.ignored.append(name)
    elif not entry.is_file(follow_symlinks=False):
        return InputRefused(f"{name}: not a regular file", "move it out of the folder")
    elif suffix in SUFFIXES:
        images.append((name, Path(entry.path)))
    elif suffix in ANNOTATIONS:
        source.annotations.append((name, Path(entry.path)))
    else:
        kind = "an image format that is not supported" if suffix in REFUSED_SUFFIXES else "neither image nor text"
        return InputRefused(f"{name}: {kind}", "convert it, or move it out of the folder")
    return None
