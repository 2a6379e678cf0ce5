"""Splits and classes of a folder tree, read from the paths of its images.

Known layouts are recognized: class folders, with or without splits above or below them; splits under other names
(``seg_train``, ``training_set``, ``train2017``); a folder around everything; a split folder inside one of the same
name; one more folder inside each class; folders of modalities above the classes. A layout with two readings is refused,
and the message names both.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ripguard.data.tree import LAST, Folders, Tree
from ripguard.errors import UsageError

LAYOUTS = ("auto", "splits", "classes", "flat")


@dataclass
class Layout:
    """Split and label of each image.

    Attributes:
        places: image → (split, label); label "" for an image without one, split "" outside all splits.
        notes: how they were found, where it is not from class folders at the first level.
    """

    places: dict[str, tuple[str, str]]
    notes: list[str] = field(default_factory=list)


def read_layout(names: Iterable[str], layout: str = "auto", classes_at: str | None = None) -> Layout:
    """Splits and classes of images from their POSIX paths.

    Args:
        layout: ``auto``; ``splits``: the first level are splits; ``classes``: there are no splits; ``flat``: there are
            no classes.
        classes_at: level of the class folders, 1 for those in the root; ``1-2`` joins the names of two levels;
            ``last``: the folder that holds the image.

    Raises:
        AmbiguousLayout: several readings.
        UsageError: an option has no such value, or fits no image.
    """
    if layout not in LAYOUTS:
        raise UsageError(f"layout: expected one of {', '.join(LAYOUTS)}, got {layout!r}")
    levels = _levels(classes_at) if classes_at is not None else None
    if levels and layout == "flat":
        raise UsageError("--layout flat has no classes, but --classes-at names a level", "leave one of them out")
    paths: dict[str, Folders] = {name: tuple(name.split("/")[:-1]) for name in names}
    reader = Tree(paths)
    reader.find_splits(layout, asked=levels is not None)
    if layout == "flat":
        labels = dict.fromkeys(paths, "")
    elif levels:
        labels = reader.labels_at(*levels)
    else:
        labels = reader.labels(asking=layout == "auto")
    return Layout({name: (reader.split[name], labels[name]) for name in paths}, reader.notes)


def _levels(text: str) -> tuple[int, int]:
    """First and last level; (0, 0) for ``last``."""
    if text == LAST:
        return 0, 0
    first, _, last = str(text).partition("-")
    try:
        found = int(first), int(last or first)
    except ValueError:
        found = 0, 0
    if not 1 <= found[0] <= found[1]:
        raise UsageError(f"classes-at: expected a level such as 1, two such as 1-2, or {LAST}, got {text!r}")
    return found
