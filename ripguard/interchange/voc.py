"""Pascal VOC: ``Annotations/ID.xml``, ``JPEGImages/ID.*``, ``ImageSets/Main/SPLIT.txt`` (VOC2012 development kit).

A box is ``xmin, ymin, xmax, ymax`` with ``width = xmax - xmin``, as current tools read it; the kit of 2007 counts
pixels from 1. Boxes are written as integers. Classes that the sorted names of the objects do not give are written to
``labelmap.txt``, as CVAT does.
"""

from __future__ import annotations

import dataclasses
import posixpath
from collections.abc import Sequence

from ripguard.interchange import voc_reading, voc_writing
from ripguard.interchange.fitting import (
    base_name,
    distinct,
    own,
    refolded,
    relabeled,
    renamed,
    used_classes,
    with_objects,
    with_samples,
)
from ripguard.interchange.format import Confidence, Format, Kind
from ripguard.interchange.listing import Listing
from ripguard.interchange.model import Annotated, Box, Object, Sample
from ripguard.interchange.output import Output
from ripguard.interchange.parsing import name_of


class VOC(Format):
    """See the module."""

    kind = Kind("voc")
    note = "Annotations/ID.xml with integer boxes, JPEGImages/ID.jpg, ImageSets/Main/SPLIT.txt"
    extra = ("defusedxml",)

    def recognize(self, listing: Listing) -> Confidence:
        found = voc_reading.xml_files(listing)
        if not found:
            return Confidence(0, "no XML files in Annotations/")
        return Confidence(0.9, f"{len(found):,} XML files of annotations, as {found[0]}")

    def parse(self, listing: Listing) -> Annotated:
        return voc_reading.parse(listing)

    def fit(self, dataset: Annotated) -> Annotated:
        """Integer boxes and attributes of objects; images of all splits in one folder."""
        fitted = own(dataset, "voc")
        fitted = relabeled(fitted, distinct(fitted.classes, str.strip))

        def one(sample: Sample) -> Sample:
            labels = voc_reading.labels_of(sample.extras.get("voc", {}))
            return with_objects(sample, _fit_object, labels=labels, captions=(), attributes={})

        fitted = refolded(with_samples(fitted, one))
        used = used_classes(fitted)
        classes = tuple(label for label in fitted.classes if label != voc_reading.BACKGROUND or label in used)
        fitted = dataclasses.replace(fitted, about_classes={}, classes=classes or used)
        return renamed(fitted, base_name, lambda split, name: posixpath.splitext(name)[0])

    def save(self, dataset: Annotated, output: Output) -> None:
        voc_writing.save(dataset, output)


def _fit_object(found: Object) -> Object | None:
    if found.box is None:
        return None
    exact = voc_reading.exact_corners(found) is not None
    box = found.box if exact else rounded(found.box)
    extras = found.extras
    if not exact and "bndbox" in extras.get("voc", {}):
        rest = {key: value for key, value in extras["voc"].items() if key != "bndbox"}
        extras = {"voc": rest} if rest else {}
    attributes = {key: value for key, value in found.attributes.items() if name_of(key) == key.strip()}
    return dataclasses.replace(
        found, box=box, polygons=(), mask=None, keypoints=(), attributes=attributes, extras=extras
    )  # fmt: skip


def rounded(box: Sequence[float]) -> Box:
    """The box with integer corners nearest to those of ``box``, at least one pixel wide and high."""
    x, y = round(box[0]), round(box[1])
    right, bottom = round(box[0] + box[2]), round(box[1] + box[3])
    return float(x), float(y), float(max(1, right - x)), float(max(1, bottom - y))
