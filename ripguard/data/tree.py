"""A tree of images whose splits and classes are found from the names of its folders."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import NoReturn

from ripguard.data.readings import AmbiguousLayout, Reading
from ripguard.data.splits import SPLITS, TRAIN, are_splits, split_of, words_of
from ripguard.errors import UsageError, some

LAST = "last"  # of ``classes_at``
AROUND = frozenset({"images", "image", "imgs", "img", "jpegimages", "pictures", "photos", "data", "jpg", "jpeg", "png"})
MODALITIES = frozenset(
    {"color", "colour", "grayscale", "greyscale", "gray", "grey", "rgb", "segmented", "depth"}
    | {"ir", "infrared", "nir", "thermal", "visible", "mri", "ct", "xray", "pet", "ultrasound", "t1", "t2", "flair"}
)
ROLES = re.compile(  # of images in a dataset for segmentation, and no classes
    r"(jpeg)?(images?|imgs?)|(\w+[ _-])?masks?|labels?|annotations?|trimaps?|(gt|ground[ _-]?truths?)|segmentation\w*"
    r"|\d(st|nd|rd)[ _-]manual|overlays?|contours?|depths?|edges?",
    re.I,
)
Folders = tuple[str, ...]


class Tree:
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
        if layout == "splits":
            splits = list(groups)
        elif are_splits(groups):
            splits = list(groups)
            if len(groups) > 1 and len(set(map(canonical_of, groups))) == 1:  # such as test1, test2, test3
                self._ask_whether_splits(groups, splits)
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
        if not are_splits(matched):
            plain = [folder for folder in matched if split_of(folder) == (canonical_of(folder), ())]
            known = set(map(canonical_of, matched)) & set(SPLITS.values())
            if len(set(map(canonical_of, plain)) & set(SPLITS.values())) > 1:  # Training, Test, test-multiple_fruits
                matched, deep = plain, [folder for folder in deep if folder in plain]
            elif len(known) > 1:  # trainA, testB
                self._ask_whether_splits(groups, matched)
        if not are_splits(matched):
            return []
        others = [folder for folder in groups if folder not in matched]
        others_deep = any(len(self._rest(name)) > 1 for folder in others for name in groups[folder])
        if deep and not (others_deep and len(matched) == 1):
            return matched
        if len(matched) == 1 and not deep:
            return []
        self._ask_whether_splits(groups, matched)

    def _ask_whether_splits(self, groups: Iterable[str], matched: Iterable[str]) -> NoReturn:
        """Raise :class:`AmbiguousLayout`: the first folders are splits, or classes."""
        folders = sorted(groups)
        splits = Reading({"layout": "splits"}, f"splits {some(folders, most=4)}")
        classes = Reading({"layout": "classes"}, f"{len(folders)} classes: {some(folders, most=4)}")
        raise self._ambiguous(f"{some(sorted(matched), most=4)} may be splits, or classes", [splits, classes])

    def _take_splits(self, groups: dict[str, list[str]], splits: list[str]) -> None:
        labels = set[str]()
        self.has_splits = True
        for name in self.paths:
            self.split[name] = ""
        for folder in splits:
            for name in groups[folder]:
                self.split[name] = canonical_of(folder)
                self.start[name] += 1
            self._skip_around(groups[folder], inside=folder)
            labels |= set(self._groups(groups[folder]))
        renamed = {folder: canonical_of(folder) for folder in splits if folder != canonical_of(folder)}
        if renamed:
            self.notes.append("splits: " + ", ".join(f"{split} is {folder}" for folder, split in renamed.items()))
        beside = {rest for folder in splits if (found := split_of(folder)) and (rest := found[1])}
        for folder in groups:
            if folder in splits:
                continue
            for name in groups[folder]:
                self.start[name] += 1
            if len(beside) == 1 and words_of(folder) == next(iter(beside)):  # rps beside rps-test-set
                self.notes.append(f"splits: {TRAIN} is {folder}")
                for name in groups[folder]:
                    self.split[name] = TRAIN
                continue
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

    def labels(self, asking: bool = True) -> dict[str, str]:
        """Labels from the first level that can be the classes.

        Args:
            asking: whether folders with names such as ``masks`` are a question.

        Raises:
            AmbiguousLayout: several levels can be.
        """
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
        if asking and len(tops) > 1 and all(map(ROLES.fullmatch, tops)):
            names = some(sorted(tops), most=4)
            flat = Reading({"layout": "flat"}, "no classes")
            classes = Reading({"layout": "classes"}, f"{len(tops)} classes: {names}")
            raise self._ambiguous(f"{names} may be images and what belongs to them, or classes", [flat, classes])
        shared = {rest[0] if rest else "" for below in tops.values() for rest in below}
        if len(tops) > 1 and len(shared) == 1 and "".join(shared).lower() not in {"", *AROUND}:
            raise self._nested(sorted(tops), rests, asking)  # photo/dog and sketch/dog
        nested = sorted(
            top for top, below in tops.items()
            if _branches(below) and (() not in below or len(tops) == 1)
        )  # fmt: skip
        if nested:
            raise self._nested(nested, rests, asking)
        return {name: rest[0] if rest else "" for name, rest in rests.items()}

    def _without_below(self, name: str) -> Folders:
        rest = self._rest(name)
        at = self.below.get(name)
        return rest if at is None else rest[: at - self.start[name]] + rest[at - self.start[name] + 1 :]

    def _nested(self, nested: list[str], rests: dict[str, Folders], asking: bool) -> AmbiguousLayout:
        at = 1 + next(self.start[name] for name, rest in rests.items() if rest and rest[0] == nested[0])
        deepest, below = max(len(rest) for rest in rests.values()), 1 if self.below else 0
        readings = list[Reading]()
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
        if given and asking:
            text = f"splits {some(sorted(self._groups(self.paths)), most=4)}"
            readings.insert(0, Reading({"layout": "splits"}, text))
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
        hint = "; ".join([*(f"{one.flags} gives {one.text}" for one in readings), "or a table: --labels CSV"])
        return AmbiguousLayout(message, hint, readings)


def _branches(below: set[Folders]) -> bool:
    """Whether these paths below a folder lead to several folders, behind one that only holds them."""
    first = {rest[0] for rest in below if rest}
    if len(first) == 1 and next(iter(first)).lower() in AROUND and all(rest for rest in below):
        first = {rest[1] for rest in below if len(rest) > 1}
    return len(first) > 1


def canonical_of(folder: str) -> str:
    """Name of the split of a folder that is one, whatever else its name contains."""
    found = split_of(folder)
    return found[0] if found else folder.lower()
