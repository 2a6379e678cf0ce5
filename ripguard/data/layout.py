"""Splits and classes of a folder tree, read from the paths of its images.

Known layouts are recognized: class folders, with or without splits above or below them; splits under other names
(``seg_train``, ``training_set``, ``train2017``); a folder around everything; a split folder inside one of the same
name; one more folder inside each class; folders of modalities above the classes. A layout with two readings is refused,
and the message names both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from ripguard.data.readings import AmbiguousLayout, Reading
from ripguard.data.splits import SPLITS, TRAIN, are_splits, canonical, split_of
from ripguard.errors import UsageError, some

LAST = "last"  # of ``classes_at``
LAYOUTS = ("auto", "splits", "classes", "flat")
AROUND = frozenset({"images", "image", "imgs", "img", "jpegimages", "pictures", "photos", "data"})
MODALITIES = frozenset(
    {"color", "colour", "grayscale", "greyscale", "gray", "grey", "rgb", "segmented", "segmentation", "masked", "depth"}
    | {"ir", "infrared", "nir", "thermal", "visible", "raw", "original", "augmented", "processed", "cropped", "resized"}
    | {"mri", "ct", "xray", "pet", "ultrasound", "t1", "t2", "flair", "sketch", "photo", "real", "synthetic"}
)
Folders = tuple[str, ...]


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
    reader = _Reader(paths)
    reader.find_splits(layout, asked=levels is not None)
    if layout == "flat":
        labels = dict.fromkeys(paths, "")
    elif levels:
        labels = reader.labels_at(*levels)
    else:
        labels = reader.labels()
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


class _Reader:
    """Reads a tree in steps: folders around everything, splits, then classes.

    Attributes:
        split: of each image.
        start: for each image, the number of its leading folders that are not classes.
    """

    def __init__(self, paths: dict[str, Folders]) -> None:
        self.paths, self.notes = paths, list[str]()
        self.split: dict[str, str] = dict.fromkeys(paths, TRAIN)
        self.start: dict[str, int] = dict.fromkeys(paths, 0)
        self.below: dict[str, int] = {}  # split folders below the class folder
        self.has_splits = False

    def _rest(self, name: str) -> Folders:
        return self.paths[name][self.start[name] :]

    def find_splits(self, layout: str, asked: bool = False) -> None:
        """Set ``split`` and ``start``. ``asked``: the level of the classes is given."""
        if around := self._skip_around(list(self.paths), stop=layout != "classes"):
            self.notes.append(f"{'/'.join(around)} holds the whole dataset, and is no class")
        if layout == "classes":
            return
        groups = self._groups(self.paths)
        matched = [folder for folder in groups if split_of(folder)]
        deep = [folder for folder in matched if any(len(self._rest(name)) > 1 for name in groups[folder])]
        if layout == "splits" or are_splits(groups):
            splits = list(groups)
        elif asked or layout == "flat":
            likely = deep if asked else matched
            splits = likely if are_splits(likely) else []
        else:
            splits = self._some_are_splits(groups, deep)
        if splits:
            self._take_splits(groups, splits)
        elif groups and self._splits_below(groups):
            self.notes.append("splits from the folders below the class folders")

    def _groups(self, names: Iterable[str]) -> dict[str, list[str]]:
        """Images by the next folder."""
        found: dict[str, list[str]] = defaultdict(list)
        for name in names:
            if rest := self._rest(name):
                found[rest[0]].append(name)
        return found

    def _skip_around(self, names: list[str], stop: bool = True, inside: str = "") -> list[str]:
        """Skip folders that all images share; ``stop`` at splits. ``inside`` a split: only what repeats it."""
        skipped = list[str]()
        while True:
            groups = self._groups(names)
            if len(groups) != 1:
                return skipped
            ((folder, own),) = groups.items()
            deeper = {self._rest(name)[1] for name in own if len(self._rest(name)) > 1}
            whole = all(len(self._rest(name)) > 1 for name in own)
            around = folder.lower() in AROUND
            if inside:
                repeats = folder == inside or (split_of(folder) is not None and split_of(folder) == split_of(inside))
                if not (repeats or around):
                    return skipped
            elif (stop and are_splits([folder]) and not are_splits(deeper)) or not (
                whole or around or are_splits(deeper)
            ):
                return skipped
            for name in own:
                self.start[name] += 1
            skipped.append(folder)

    def _some_are_splits(self, groups: dict[str, list[str]], deep: list[str]) -> list[str]:
        """Splits where only some folders are named so. Raises :class:`AmbiguousLayout`."""
        matched = [folder for folder in groups if split_of(folder)]
        if not are_splits(matched) or not set(map(canonical, matched)) & set(SPLITS.values()):
            return []
        others = [folder for folder in groups if folder not in matched]
        others_deep = any(len(self._rest(name)) > 1 for folder in others for name in groups[folder])
        if deep and not (others_deep and len(matched) == 1):
            return matched
        if len(matched) == 1 and not deep:
            return []
        splits = Reading({"layout": "splits"}, f"splits {some(sorted(groups), most=4)}")
        classes = Reading({"layout": "classes"}, f"{len(groups)} classes: {some(sorted(groups), most=4)}")
        raise self._ambiguous(f"{some(sorted(matched))} may be splits, or classes", [splits, classes])

    def _take_splits(self, groups: dict[str, list[str]], splits: list[str]) -> None:
        inside, labels = dict[str, list[str]](), set[str]()
        self.has_splits = True
        for name in self.paths:
            self.split[name] = ""
        for folder in splits:
            for name in groups[folder]:
                self.split[name] = canonical_of(folder)
                self.start[name] += 1
            inside[folder] = self._skip_around(groups[folder], inside=folder)
            labels |= set(self._groups(groups[folder]))
        renamed = {folder: canonical_of(folder) for folder in splits if folder != canonical_of(folder)}
        if renamed:
            self.notes.append("splits: " + ", ".join(f"{split} is {folder}" for folder, split in renamed.items()))
        for folder in groups:
            if folder in splits:
                continue
            for name in groups[folder]:
                self.start[name] += 1
            own = {rest[0] for name in groups[folder] if (rest := self._rest(name))}
            if own and own <= labels:  # such as extra/<class>
                for name in groups[folder]:
                    self.split[name] = folder.lower()
            else:
                self.notes.append(f"{folder} is no split: its {len(groups[folder])} images have no label")
                for name in groups[folder]:
                    self.start[name] = len(self.paths[name])

    def _splits_below(self, groups: dict[str, list[str]]) -> bool:
        """Read ``class/train/1.png``: every class folder holds splits and no images of its own."""
        inner = [{rest[1] for name in own if len(rest := self._rest(name)) > 1} for own in groups.values()]
        direct = any(len(self._rest(name)) == 1 for own in groups.values() for name in own)
        if direct or not are_splits(set().union(*inner)) or len(set().union(*inner)) < 2:
            return False
        self.has_splits = True
        for own in groups.values():
            for name in own:
                self.split[name] = canonical_of(self._rest(name)[1])
                self.below[name] = self.start[name] + 1
        return True

    def labels_at(self, first: int, last: int) -> dict[str, str]:
        """Labels from the folders at these levels of the tree; (0, 0): from the last folder."""
        if not last:
            return {name: rest[-1] if (rest := self._without_below(name)) else "" for name in self.paths}
        found = {}
        for name, folders in self.paths.items():
            below = self.below.get(name, -1)
            is_split = first == last == below + 1 or (first <= self.start[name] and self.split[name])
            if folders and is_split and split_of(folders[first - 1]):
                hint = "name a deeper level, or add --layout classes"
                raise UsageError(f"--classes-at {first}: {folders[first - 1]} is a split", hint)
            own = [folder for level, folder in enumerate(folders[:last]) if level >= first - 1 and level != below]
            found[name] = "/".join(own) if len(folders) >= last else ""
        if not any(found.values()):
            raise UsageError(f"--classes-at: no image lies in {last} folders", "name a level that exists")
        return found

    def labels(self) -> dict[str, str]:
        """Labels from the first level that can be the classes. Raises :class:`AmbiguousLayout`."""
        rests = {name: self._without_below(name) for name in self.paths}
        tops: dict[str, set[Folders]] = defaultdict(set)
        for rest in rests.values():
            if rest:
                tops[rest[0]].add(rest[1:])
        if tops and set(map(str.lower, tops)) <= MODALITIES and all(() not in below for below in tops.values()):
            below = [{rest[0] for rest in own} for own in tops.values()]
            if len(below) == 1 or all(one & other for one in below for other in below):
                self.notes.append(f"classes below {some(sorted(tops))}")
                return {name: rest[1] if rest else "" for name, rest in rests.items()}
        nested = sorted(
            top for top, below in tops.items()
            if len({rest[0] for rest in below if rest}) > 1 and (() not in below or len(tops) == 1)
        )  # fmt: skip
        if nested:
            raise self._nested(nested, rests)
        return {name: rest[0] if rest else "" for name, rest in rests.items()}

    def _without_below(self, name: str) -> Folders:
        rest = self._rest(name)
        at = self.below.get(name)
        return rest if at is None else rest[: at - self.start[name]] + rest[at - self.start[name] + 1 :]

    def _nested(self, nested: list[str], rests: dict[str, Folders]) -> AmbiguousLayout:
        at = 1 + next(self.start[name] for name, rest in rests.items() if rest and rest[0] == nested[0])
        deepest, below = max(len(rest) for rest in rests.values()), 1 if self.below else 0
        readings = []
        # without splits, a folder that could be one must not become one when the level is given
        given = {"layout": "classes"} if not self.has_splits and any(map(split_of, self._groups(self.paths))) else {}
        for depth in range(min(deepest, 3)):
            classes = {rest[depth] for rest in rests.values() if len(rest) > depth}
            text = f"{len(classes)} classes: {some(sorted(classes), most=4)}"
            readings.append(Reading(given | {"classes_at": str(at + depth + (below if depth else 0))}, text))
        own = {rest[-1] for rest in rests.values() if rest}
        if len({len(rest) for rest in rests.values() if rest}) > 1:
            text = f"{len(own)} classes: {some(sorted(own), most=4)}"
            readings.append(Reading(given | {"classes_at": LAST}, text))
        joined = {"/".join(rest[:2]) for rest in rests.values() if len(rest) > 1}
        readings.append(
            Reading(
                given | {"classes_at": f"{at}-{at + 1 + below}"},
                f"{len(joined)} classes: {some(sorted(joined), most=4)}",
            )
        )
        return self._ambiguous(f"the folder {nested[0]} holds folders, which may be the classes", readings)

    @staticmethod
    def _ambiguous(message: str, readings: list[Reading]) -> AmbiguousLayout:
        hint = "; ".join(f"{one.flags} gives {one.text}" for one in readings)
        return AmbiguousLayout(message, hint, readings)


def canonical_of(folder: str) -> str:
    """Name of the split of a folder that is one, whatever else its name contains."""
    found = split_of(folder)
    return found[0] if found else folder.lower()
