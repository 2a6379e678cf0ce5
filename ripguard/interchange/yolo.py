"""YOLO, in the layout of Ultralytics: ``data.yaml``, ``images/SPLIT/…`` and a text beside it in ``labels/SPLIT/…``.

A line is ``class`` and normalized numbers: a box (4 numbers), a polygon (6 or more), or with ``kpt_shape`` a box and
keypoints. Numbers have as many digits as bring the pixels back exactly (:mod:`ripguard.interchange.normalized`).
"""

from __future__ import annotations

import dataclasses
import posixpath

from ripguard.interchange import yolo_reading, yolo_writing
from ripguard.interchange.checks import bounds
from ripguard.interchange.fitting import base_name, own, refolded, renamed, with_objects, with_samples
from ripguard.interchange.format import Confidence, Format, Kind
from ripguard.interchange.listing import Listing
from ripguard.interchange.model import Annotated, Object, Sample
from ripguard.interchange.normalized import held
from ripguard.interchange.output import Output

NEAR = 1.0  # pixels between a box and its polygon, for a line to have the polygon


class YOLO(Format):
    """See the module."""

    kind = Kind("yolo")
    note = "data.yaml, labels/SPLIT/NAME.txt with normalized boxes, polygons or keypoints (Ultralytics)"
    extra = ("yaml",)

    def recognize(self, listing: Listing) -> Confidence:
        found = yolo_reading.settings(listing)
        if found:
            return Confidence(0.9, f"{found} names splits and classes")
        labels = [name for name in listing.named(".txt") if "labels" in name.split("/")[:-1]]
        if labels:
            return Confidence(0.15, "labels/ has texts, but there is no data.yaml with the names of classes")
        return Confidence(0, "no data.yaml with splits and names of classes")

    def parse(self, listing: Listing) -> Annotated:
        return yolo_reading.parse(listing)

    def fit(self, dataset: Annotated) -> Annotated:
        """Boxes, or one polygon or keypoints for each object; samples in splits."""
        fitted = own(dataset, "yolo")
        shape = yolo_reading.keypoint_shape(fitted)

        def one(sample: Sample) -> Sample:
            return with_objects(
                sample, lambda found: _fit_object(found, shape), labels=(), captions=(), attributes={}, extras={}
            )

        fitted = refolded(with_samples(fitted, one), none="train")
        fitted = dataclasses.replace(fitted, about_classes={})
        yaml = dict(fitted.extras.get("yolo", {}))
        if shape or any(found.polygons for one in fitted.samples for found in one.objects):
            yaml.pop("kpt_shape", None)  # the writer gives it; beside polygons, numbers would have two readings
        fitted = dataclasses.replace(fitted, extras={"yolo": yaml} if yaml else {})
        return renamed(fitted, base_name, lambda split, name: (split, posixpath.splitext(name)[0]))

    def save(self, dataset: Annotated, output: Output) -> None:
        yolo_writing.save(dataset, output)


def _fit_object(found: Object, shape: list[int] | None) -> Object | None:
    """Class and box, and the polygon or the keypoints if one line can hold them."""
    if found.box is None:
        return None
    bare = dataclasses.replace(
        found, box=held(found.box), polygons=(), mask=None, keypoints=(), attributes={}, extras={}
    )
    if shape:
        return dataclasses.replace(bare, keypoints=found.keypoints)
    if len(found.polygons) == 1 and len(found.polygons[0]) >= yolo_reading.POLYGON:
        around = bounds(found.polygons)
        if max(abs(one - other) for one, other in zip(around, found.box)) <= NEAR:
            return dataclasses.replace(bare, polygons=found.polygons, box=around)
    return bare
