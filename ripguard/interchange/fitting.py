"""Parts of ``fit``: what a format leaves out of a dataset, and how names become distinct."""

from __future__ import annotations

import dataclasses
import posixpath
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ripguard.interchange.listing import folders_of, named_splits
from ripguard.interchange.model import Annotated, Object, Sample
from ripguard.interchange.output import safe


def with_samples(dataset: Annotated, change: Callable[[Sample], Sample]) -> Annotated:
    """A dataset with every sample changed."""
    return dataclasses.replace(dataset, samples=tuple(map(change, dataset.samples)))


def with_objects(sample: Sample, change: Callable[[Object], Object | None], **more: Any) -> Sample:
    """A sample with every object changed; those for which ``change`` gives None are left out."""
    kept = [new for one in sample.objects if (new := change(one)) is not None]
    return dataclasses.replace(sample, objects=tuple(kept), **more)


def only(extras: Mapping[str, Any], format: str) -> Mapping[str, Any]:
    """Extras of one format."""
    return {format: extras[format]} if format in extras else {}


def own(dataset: Annotated, format: str, values: bool = False) -> Annotated:
    """A dataset with the extras and files of one format only.

    Args:
        values: the format carries the extras of samples and objects whichever format has them.
    """

    def one(sample: Sample) -> Sample:
        return with_objects(
            sample, lambda found: dataclasses.replace(found, extras=only(found.extras, format)),
            extras=only(sample.extras, format),
        )  # fmt: skip

    about = {label: only(extras, format) for label, extras in dataset.about_classes.items()}
    changed = dataset if values else with_samples(dataset, one)
    return dataclasses.replace(
        changed, extras=only(dataset.extras, format), about_classes={label: own for label, own in about.items() if own},
        files=dataset.files if dataset.source == format else {},
    )  # fmt: skip


def refolded(dataset: Annotated, none: str = "", reserved: frozenset[str] = frozenset()) -> Annotated:
    """Splits as readers name them after their folders.

    Args:
        none: split of samples that are in none, where a format needs one.
        reserved: names that no folder of a split may have.
    """
    folders = {split: safe(dataset.folder(split)) if split else none for split in dataset.splits}
    folders = {split: f"{folder}_" if folder in reserved else folder for split, folder in folders.items()}
    splits = named_splits(list(dict.fromkeys(folders.values())))
    new = {split: splits[folder] for split, folder in folders.items()}
    if any(split != name for split, name in new.items()):
        dataset = with_samples(dataset, lambda sample: dataclasses.replace(sample, split=new[sample.split]))
    return dataclasses.replace(dataset, folders=folders_of(splits))


def base_name(sample: Sample) -> str:
    """The name of a sample without backslashes, which other systems read as folders."""
    return sample.name.replace("\\", "_")


def renamed(dataset: Annotated, name: Callable[[Sample], str], key: Callable[[str, str], Any]) -> Annotated:
    """Samples with names that differ in ``key(split, name)``: the second gets ``-2`` at its stem, and so on."""
    taken, samples = set[Any](), []
    for sample in dataset.samples:
        wanted = new = name(sample)
        stem, suffix = posixpath.splitext(wanted)
        number = 1
        while key(sample.split, new) in taken:
            number += 1
            new = f"{stem}-{number}{suffix}"
        taken.add(key(sample.split, new))
        samples.append(sample if new == sample.name else dataclasses.replace(sample, name=new))
    return dataclasses.replace(dataset, samples=tuple(samples))


def relabeled(dataset: Annotated, new: Mapping[str, str]) -> Annotated:
    """Classes under other names."""
    if all(label == name for label, name in new.items()):
        return dataset

    def one(sample: Sample) -> Sample:
        return with_objects(
            sample, lambda found: dataclasses.replace(found, label=new[found.label]),
            labels=tuple(new[label] for label in sample.labels),
        )  # fmt: skip

    about = {new[label]: extras for label, extras in dataset.about_classes.items()}
    changed = with_samples(dataset, one)
    return dataclasses.replace(changed, classes=tuple(new[label] for label in dataset.classes), about_classes=about)


def distinct(names: Iterable[str], change: Callable[[str], str]) -> dict[str, str]:
    """Name → changed name, distinct ones."""
    found: dict[str, str] = {}
    taken = set[str]()
    for name in names:
        wanted = new = change(name)
        number = 1
        while new in taken:
            number += 1
            new = f"{wanted}-{number}"
        taken.add(new)
        found[name] = new
    return found


def used_classes(dataset: Annotated) -> tuple[str, ...]:
    """Classes of labels and objects, sorted; those that are numbers, by their numbers."""
    labels = {label for sample in dataset.samples for label in sample.labels}
    labels |= {one.label for sample in dataset.samples for one in sample.objects}
    if all(label.isascii() and label.isdigit() and len(label) < 20 for label in labels):
        return tuple(sorted(labels, key=lambda label: (int(label), label)))
    return tuple(sorted(labels))
