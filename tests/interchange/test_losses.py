"""Every difference is a loss, under the name of its field, and nothing else is one."""

from __future__ import annotations

import dataclasses

import pytest
from interchange_data import sample

from ripguard.interchange.losses import losses
from ripguard.interchange.model import Annotated, Object

RING = (1.0, 1.0, 9.0, 1.0, 9.0, 9.0)
ONE = Object("a", (1, 1, 8, 8), (RING,), {"size": [1, 1], "counts": [1]}, (1.0, 2.0, 2.0), {"pose": "Left"},
             {"coco": {"score": 1}})  # fmt: skip
FULL = Annotated(
    ("a", "b"),
    (sample("x.png", split="train", labels=("b",), objects=(ONE,), captions=("c",), attributes={"k": 1},
            extras={"coco": {"license": 1}}),),
    {"train": "train2017"}, {"a": {"coco": {"supercategory": "s"}}}, {"coco": {"info": 1}},
    {"README.md": sample("y.png").media},
)  # fmt: skip

OF_DATASET = {
    "classes.order": {"classes": ("b", "a")}, "folders": {"folders": {}}, "classes.extras.coco.supercategory":
    {"about_classes": {}}, "extras.coco.info": {"extras": {}}, "files": {"files": {}},
}  # fmt: skip
OF_SAMPLES = {
    "name": {"name": "z.png"}, "split": {"split": ""}, "labels": {"labels": ()}, "captions": {"captions": ()},
    "attributes.k": {"attributes": {}}, "extras.coco.license": {"extras": {}}, "image": {"width": 5},
}  # fmt: skip
OF_OBJECTS = {
    "objects.label": {"label": "b"}, "objects.box": {"box": (1, 1, 8, 8.5)}, "objects.polygons": {"polygons": ()},
    "objects.mask": {"mask": None}, "objects.keypoints": {"keypoints": ()},
    "objects.attributes.pose": {"attributes": {}}, "objects.extras.coco.score": {"extras": {}},
}  # fmt: skip


def changed(field: str) -> Annotated:
    """The full dataset without one field."""
    if field in OF_DATASET:
        return dataclasses.replace(FULL, **OF_DATASET[field])
    one = FULL.samples[0]
    if field in OF_SAMPLES:
        return dataclasses.replace(FULL, samples=(dataclasses.replace(one, **OF_SAMPLES[field]),))
    objects = (dataclasses.replace(ONE, **OF_OBJECTS[field]),)
    return dataclasses.replace(FULL, samples=(dataclasses.replace(one, objects=objects),))


@pytest.mark.parametrize("field", [*OF_DATASET, *OF_SAMPLES, *OF_OBJECTS])
def test_each_field(field):  # type: ignore[no-untyped-def]
    (found,) = losses(FULL, changed(field), "x")
    assert (found.format, found.field, found.count) == ("x", field, 1)
    assert found.example


def test_no_difference_and_a_missing_object():
    assert losses(FULL, FULL, "x") == []
    bare = dataclasses.replace(ONE, box=None)
    one = dataclasses.replace(FULL.samples[0], objects=(bare, ONE, ONE))
    both = dataclasses.replace(FULL, samples=(one,))
    left = dataclasses.replace(FULL, samples=(dataclasses.replace(one, objects=(ONE, ONE)),))
    assert [(found.field, found.count) for found in losses(both, left, "x")] == [("objects", 1)]
