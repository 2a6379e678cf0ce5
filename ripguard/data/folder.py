"""A folder tree of images, with splits and classes from its folders or from a table of labels."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ripguard.crypto.keyfile import holds_key
from ripguard.data.labels import read_labels
from ripguard.data.layout import read_layout
from ripguard.data.scan import looks_like_image, scan
from ripguard.data.source import Item, Source
from ripguard.errors import InputRefused, KeyFileError
from ripguard.images.limits import SUFFIXES

METADATA = ("release.ripguard", ".ripguard")  # of a release, of format v2 and of older ones


def folder(
    root: Path,
    labels: Path | None = None,
    layout: str = "auto",
    classes_at: str | None = None,
    follow_links: bool = False,
) -> Source:
    """Read a folder tree.

    Args:
        root: the folder.
        labels: table of labels, see :func:`ripguard.data.labels.read_labels`. Without a column of splits, the folders
            give the splits.
        layout, classes_at: see :func:`ripguard.data.layout.read_layout`.
        follow_links: also follow links that lead out of the folder.

    Returns:
        The source. Files that must be mended first are in its ``refused``.

    Raises:
        InputRefused: wrong labels, or no images.
        KeyFileError: a name holds a key.
        AmbiguousLayout, UsageError: see :func:`ripguard.data.layout.read_layout`.
    """
    if not root.is_dir():
        raise InputRefused(f"{root} is not a folder", "give a folder of images, or a dataset of ripguard data list")
    if any((root / name).exists() for name in METADATA):
        raise InputRefused(f"{root} is a protected release already", "give the folder of clean images")
    found = scan(root, follow_links)
    refuse_key_in(found.names())  # before a message could show it
    names, lost = [name for name, _ in found.images], [name for name in found.unusable if looks_like_image(name)]
    listed = sorted([*names, *lost], key=lambda name: name.split("/")) if lost else names
    if labels:
        read = read_layout(listed, "flat" if layout == "auto" else layout)
        splits = {name: split for name, (split, _) in read.places.items()}
        places = read_labels(labels, root, names, splits, lost)
    else:
        read = read_layout(listed, layout, classes_at)
        places = read.places
    source = Source(root.name, [], found.texts, found.left_out, [root, *found.outside], found.refused, read.notes)
    source.unusable = dict.fromkeys(found.unusable) | {name: places.get(name, read.places[name]) for name in lost}
    for name, path in found.images:
        source.items.append(Item(name, path, *places[name]))
    refuse_key_in(source.labels)
    source.items.sort(key=lambda item: item.name)
    if not source.items and not source.refused:
        if (root / "vault.ripguard").is_file():
            raise InputRefused(f"{root} is a vault: its images are encrypted", "ripguard vault decrypt opens it")
        raise InputRefused(f"there is no image in {root}", f"supported: {' '.join(sorted(SUFFIXES))}")
    return source


def refuse_key_in(names: Iterable[str]) -> None:
    """Raise :class:`KeyFileError` if the name of a file or class holds a key. The message does not repeat it."""
    if holds_key("\n".join(names).encode(errors="surrogateescape")):
        raise KeyFileError("the name of a file or class holds a key and would be published", "rename it")
