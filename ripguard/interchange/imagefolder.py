"""ImageFolder, as torchvision reads it: ``[SPLIT/]CLASS/…/image``. The class is the folder, and each image has one.

Images directly in a split have no label; torchvision leaves them out.
"""

from __future__ import annotations

import dataclasses

from ripguard.bar import Bar
from ripguard.data.splits import are_splits
from ripguard.interchange.fitting import (
    base_name,
    distinct,
    own,
    refolded,
    relabeled,
    renamed,
    used_classes,
    with_samples,
)
from ripguard.interchange.format import Confidence, Format, Kind
from ripguard.interchange.listing import Listing, folders_of, is_image, named_splits
from ripguard.interchange.model import Annotated, Sample
from ripguard.interchange.output import Output, joined, safe


class ImageFolder(Format):
    """See the module."""

    kind = Kind("imagefolder")
    note = "SPLIT/CLASS/image: one label an image"

    def recognize(self, listing: Listing) -> Confidence:
        images = [name for name in listing.files if is_image(name)]
        inside = sum("/" in name for name in images)
        if not images:
            return Confidence(0, "no images")
        return Confidence(0.2 + 0.1 * inside / len(images), f"{inside:,} of {len(images):,} images are in folders")

    def parse(self, listing: Listing) -> Annotated:
        images = listing.images()
        tops = sorted({name.partition("/")[0] for name in images if "/" in name})
        split_at = are_splits(tops)
        splits = named_splits([*tops, ""] if split_at else [""])
        samples = []
        for path in Bar(images, stage="reading", unit="image"):
            folder, _, rest = path.partition("/") if split_at and "/" in path else ("", "", path)
            label = rest.partition("/")[0] if "/" in rest else ""
            if sample := listing.sample(path, rest, splits[folder]):
                samples.append(dataclasses.replace(sample, labels=(label,) if label else ()))
        found = Annotated((), tuple(samples), folders_of(splits), source="imagefolder")
        return dataclasses.replace(found, classes=used_classes(found), files=listing.rest())

    def fit(self, dataset: Annotated) -> Annotated:
        """One label an image, and a name that begins with it; nothing else."""
        fitted = own(dataset, "imagefolder")
        fitted = relabeled(fitted, distinct(fitted.classes, safe))
        samples = tuple(
            dataclasses.replace(one, labels=one.labels[:1], objects=(), captions=(), attributes={}, extras={})
            for one in fitted.samples
        )
        fitted = dataclasses.replace(fitted, samples=samples, about_classes={}, extras={})
        fitted = dataclasses.replace(fitted, classes=used_classes(fitted))
        none = "train" if len(fitted.splits) > 1 else ""
        if not are_splits({safe(fitted.folder(split)) if split else none for split in fitted.splits}):
            fitted = with_samples(fitted, lambda one: dataclasses.replace(one, split=""))  # nobody would see them
        tops = {_named(one).partition("/")[0] for one in samples if one.labels}
        fitted = refolded(fitted, none="train" if are_splits(tops) else none)
        return renamed(fitted, _named, lambda split, name: (split, name))

    def save(self, dataset: Annotated, output: Output) -> None:
        output.samples(dataset, lambda sample: joined(dataset.folder(sample.split), sample.name))


def _named(sample: Sample) -> str:
    """Path within the split: below the folder of the class, or in no folder."""
    name = base_name(sample)
    if not sample.labels:
        return name.replace("/", "_")
    return name if name.startswith(f"{sample.labels[0]}/") else f"{sample.labels[0]}/{name}"
