"""Read a dataset in one format and write it in another; losses are known before anything is written."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ripguard.errors import LISTED, InputRefused
from ripguard.interchange.format import Format, Reading
from ripguard.interchange.losses import Loss
from ripguard.interchange.model import Annotated
from ripguard.interchange.registry import detect, format_of
from ripguard.interchange.rejections import Rejection, counted, refuse
from ripguard.store.atomic import refuse_existing, refuse_overlap


@dataclass(frozen=True)
class Examined:
    """What a folder holds.

    Attributes:
        root: the folder.
        format: name of its format.
        reason: what the format was recognized by; "" if it was given.
        images, objects, captions: their numbers.
        splits: split → class → number of images and objects that have it; "" counts images without any.
        classes: names, in the order of their numbers.
        files: number of files that no image uses.
        rejections: entries that cannot be read.
        dataset: everything else.
    """

    root: str
    format: str
    reason: str
    images: int
    objects: int
    captions: int
    splits: dict[str, dict[str, int]]
    classes: tuple[str, ...]
    files: int
    rejections: tuple[Rejection, ...]
    dataset: Annotated = dataclasses.field(repr=False, compare=False)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: without the dataset."""
        found = {one.name: getattr(self, one.name) for one in dataclasses.fields(self) if one.name != "dataset"}
        return found | {
            "classes": list(self.classes), "rejections": [one.as_dict() for one in self.rejections],
            "kinds": counted(self.rejections),
        }  # fmt: skip


@dataclass(frozen=True)
class Converted:
    """Result of a conversion.

    Attributes:
        out: the folder that was written, or would be.
        source_format, format: of both sides.
        images: their number.
        losses: what the new format does not hold.
        rejected: entries of the source that were left out.
        written: False for a dry run.
        encrypted: whether the files are encrypted.
    """

    out: str
    source_format: str
    format: str
    images: int
    losses: tuple[Loss, ...]
    rejected: tuple[Rejection, ...] = ()
    written: bool = True
    encrypted: bool = False

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self) | {"rejected": [one.as_dict() for one in self.rejected]}


def examine(root: Path, name: str | None = None) -> Examined:
    """Read a dataset.

    Args:
        name: its format; None: the one that the folder looks like.

    Raises:
        UsageError, InputRefused: no such format; the folder looks like none.
    """
    reason = ""
    if name is None:
        name, found = detect(root)
        reason = found[name].reason
    return _examined(root, name, reason, format_of(name).read(root))


def _examined(root: Path, name: str, reason: str, reading: Reading) -> Examined:
    samples = reading.dataset.samples
    splits: dict[str, Counter[str]] = {split: Counter() for split in reading.dataset.splits}
    for sample in samples:
        labels = [*sample.labels, *(found.label for found in sample.objects)]
        splits[sample.split].update(labels or [""])
    return Examined(
        str(root), name, reason, len(samples), sum(len(one.objects) for one in samples),
        sum(len(one.captions) for one in samples), {split: dict(found) for split, found in splits.items()},
        reading.dataset.classes, len(reading.dataset.files), reading.rejections, reading.dataset,
    )  # fmt: skip


def convert(
    root: Path, out: Path, target: Format, name: str | None = None, *, link: bool = False, accept_losses: bool = False,
    dry_run: bool = False, skip_rejected: bool = False,
) -> Converted:  # fmt: skip
    """Convert a dataset; ``ripguard.api.convert`` explains the arguments.

    Raises:
        InputRefused: entries are rejected, or there are losses, and that was not accepted.
        OutputRefused: ``out`` exists, or overlaps the source.
    """
    refuse_existing(out)
    refuse_overlap([root], out)
    found = examine(root, name)
    if not skip_rejected and not dry_run:
        refuse(found.rejections, found.root)
    losses = target.losses(found.dataset)
    if losses and not accept_losses and not dry_run:
        raise InputRefused(
            f"{target.name} cannot hold all of {root}: {'; '.join(map(str, losses[:LISTED]))}",
            "--accept-losses writes the rest; --dry-run lists the losses",
        )
    if not dry_run:
        target.write(found.dataset, out, link)
    return Converted(
        str(out), found.format, target.name, found.images, tuple(losses), found.rejections, not dry_run
    )  # fmt: skip
