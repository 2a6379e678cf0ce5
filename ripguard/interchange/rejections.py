"""What must be mended in a dataset: file, position, reason, and what to do. All of them are found at once."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass, field

from ripguard.errors import LISTED, InputRefused, shown

HINTS = {  # kind → what to do
    "missing image": "add the image, or remove its annotations",
    "unreadable image": "replace it by a whole copy, or remove it with its annotations",
    "wrong size": "write the size that the image file has; an image that is shown rotated has its sides exchanged",
    "box outside image": "correct the box, or remove it",
    "zero area": "correct the box, or remove it",
    "class not listed": "add the class to the list of classes, or correct the annotation",
    "duplicate id": "give each entry an id of its own",
    "orphan annotation": "add the image's entry, or remove the annotation",
    "invalid value": "correct the value",
    "unreadable file": "repair the file, or export it again",
    "outside the dataset": "move the file into the dataset, and write its relative path",
}


@dataclass(frozen=True)
class Rejection:
    """One entry that was not read.

    Attributes:
        file: path within the dataset.
        position: ``line 3``, ``annotations[7]``, ``row 12``; "" for the whole file.
        kind: a key of :data:`HINTS`.
        reason: what is wrong, with values.
    """

    file: str
    position: str
    kind: str
    reason: str

    @property
    def hint(self) -> str:
        return HINTS[self.kind]

    def __str__(self) -> str:
        where = f"{self.file}: {self.position}" if self.position else self.file
        return shown(f"{where}: {self.kind}: {self.reason}")

    def as_dict(self) -> dict[str, str]:
        return dataclasses.asdict(self) | {"hint": self.hint}


@dataclass
class Findings:
    """Rejections that a reader collects."""

    found: list[Rejection] = field(default_factory=list)

    def add(self, file: str, position: str, kind: str, reason: str) -> None:
        self.found.append(Rejection(file, position, kind, reason))


def counted(rejections: tuple[Rejection, ...]) -> dict[str, int]:
    """Number of each kind, the most frequent first."""
    return dict(Counter(one.kind for one in rejections).most_common())


def refuse(rejections: tuple[Rejection, ...], root: str) -> None:
    """Raise :class:`InputRefused` with the first of them, if there are any."""
    if not rejections:
        return
    lines = [str(one) for one in rejections[:LISTED]]
    more = [f"and {len(rejections) - LISTED:,} more"] if len(rejections) > LISTED else []
    hints = dict.fromkeys(one.hint for one in rejections)
    raise InputRefused(
        f"{root}: {len(rejections):,} entries cannot be read: {'; '.join(lines + more)}",
        f"{'; '.join(list(hints)[:3])}; ripguard check --show-rejections lists all, --skip-rejected leaves them out",
    )
