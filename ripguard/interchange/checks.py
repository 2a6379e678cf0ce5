"""Checks that all formats share: sizes, boxes inside their images, areas that are not zero."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from ripguard.interchange.model import Annotated, Box, Object, Sample
from ripguard.interchange.parsing import number
from ripguard.interchange.rejections import Findings

SLACK = 1.0  # pixels; tools disagree on whether the last pixel has number width or width - 1


def size_fits(sample: Sample, width: object, height: object, findings: Findings, file: str, position: str) -> bool:
    """Whether an annotation has the size of the image file. Numbers that are missing or no numbers are not compared."""
    for name, claimed, real in (("width", width, sample.width), ("height", height, sample.height)):
        if isinstance(claimed, int | float) and claimed > 0 and claimed != real:
            size = f"{sample.width}×{sample.height}"
            findings.add(file, position, "wrong size", f"{name} {claimed}, but {sample.name} has {size} pixels")
            return False
    return True


def inside(box: Box, sample: Sample, findings: Findings, file: str, position: str) -> bool:
    """Whether a box has an area and lies within its image."""
    x, y, width, height = box
    if width <= 0 or height <= 0:
        findings.add(file, position, "zero area", f"the box of {_plain(box)} in {sample.name} has no area")
        return False
    if x < -SLACK or y < -SLACK or x + width > sample.width + SLACK or y + height > sample.height + SLACK:
        size = f"{sample.width}×{sample.height}"
        findings.add(file, position, "box outside image", f"{_plain(box)} in {sample.name} of {size} pixels")
        return False
    return True


def _plain(box: Box) -> str:
    return "(" + ", ".join(f"{value:g}" for value in box) + ")"


def bounds(polygons: Iterable[tuple[float, ...]]) -> Box:
    """The box around rings. Subtracted in decimals, as the tools that rounded the coordinates did."""
    xs = [value for ring in polygons for value in ring[::2]]
    ys = [value for ring in polygons for value in ring[1::2]]
    return min(xs), min(ys), _difference(max(xs), min(xs)), _difference(max(ys), min(ys))


def _difference(one: float, other: float) -> float:
    return float(Decimal(repr(one)) - Decimal(repr(other)))


def default_area(box: Box) -> float:
    """The area of a box, multiplied in decimals."""
    return float(Decimal(repr(box[2])) * Decimal(repr(box[3])))


DEFAULTS = {"iscrowd": 0, "difficult": 0, "truncated": 0, "occluded": 0, "pose": "Unspecified"}


def tidy_attributes(attributes: Mapping[str, Any], box: Box | None) -> dict[str, Any]:
    """Attributes without those that have the value of :data:`DEFAULTS`, and without the area of the box."""
    found = {key: value for key, value in attributes.items() if key not in DEFAULTS or value != DEFAULTS[key]}
    if box is not None and number(found.get("area")) == default_area(box):
        del found["area"]
    return found


def tidy(dataset: Annotated) -> Annotated:
    """A dataset in the form that readers give: no defaults, a box around polygons, objects that are somewhere.

    Objects without box, polygons, mask and keypoints become labels of their images. Classes that the list lacks are
    added to it.
    """
    samples = tuple(map(_tidy_sample, dataset.samples))
    used = {label for one in samples for label in (*one.labels, *(found.label for found in one.objects))}
    classes = (*dataset.classes, *sorted(used - set(dataset.classes)))
    if samples == dataset.samples and classes == dataset.classes:
        return dataset
    return dataclasses.replace(dataset, samples=samples, classes=classes)


def _tidy_sample(sample: Sample) -> Sample:
    placed, labels = list[Object](), list(sample.labels)
    for found in sample.objects:
        box = bounds(found.polygons) if found.box is None and found.polygons else found.box
        if box is None and not found.mask and not found.keypoints:
            labels.append(found.label)
            continue
        attributes = tidy_attributes(found.attributes, box)
        same = box == found.box and attributes == found.attributes
        placed.append(found if same else dataclasses.replace(found, box=box, attributes=attributes))
    return dataclasses.replace(sample, objects=tuple(placed), labels=tuple(labels))
