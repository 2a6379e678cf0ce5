"""Boxes come along into training, from every format that holds them."""

from __future__ import annotations

import pytest
import torch
from detection_data import make_coco
from interchange_data import sample
from torch.utils.data import DataLoader

from ripguard import api
from ripguard.errors import UsageError
from ripguard.interchange.model import Annotated, Object
from ripguard.train.detection import DetectionDataset, collate


def test_targets():  # type: ignore[no-untyped-def]
    """Corners in pixels, classes from 1; crowds and objects without a box are left out."""
    objects = (Object("b", (1.5, 2, 3, 4)), Object("a", None, mask={"size": [1, 1], "counts": [1]}),
               Object("a", (0, 0, 9, 9), attributes={"iscrowd": 1}))  # fmt: skip
    data = DetectionDataset(Annotated(("a", "b"), (sample("x.png", 1, objects=objects), sample("y.png"))))
    image, target = data[0]
    assert image.shape == (3, 33, 21)
    assert image.dtype == torch.float32
    assert target["boxes"].tolist() == [[1.5, 2, 4.5, 6]]
    assert (target["labels"].tolist(), target["area"].tolist()) == ([2], [12])
    assert data[1][1]["boxes"].shape == (0, 4)
    with pytest.raises(UsageError, match="split"):
        DetectionDataset(Annotated(("a",), ()), split="train")


def test_formats_give_the_same_samples(tmp_path):  # type: ignore[no-untyped-def]
    """In worker processes, too; a transform sees image and target."""
    source = make_coco(tmp_path / "s", 4)
    wanted = [DetectionDataset(api.examine(source).dataset)[at] for at in range(4)]
    for name in ("yolo", "voc", "hf-folder", "parquet"):
        api.convert(source, tmp_path / name, name, accept_losses=True)
        found = api.examine(tmp_path / name).dataset
        order = sorted(found.samples, key=lambda one: one.name)
        data = DetectionDataset(Annotated(found.classes, tuple(order)), lambda image, target: (image, target))
        for (image, target), (other, expected) in zip(map(data.__getitem__, range(4)), wanted, strict=True):
            assert torch.equal(image, other)
            assert torch.equal(target["boxes"], expected["boxes"])
            names = [("person", "cat", "coffee")[number - 1] for number in expected["labels"]]
            assert [data.classes[number - 1] for number in target["labels"]] == names
    loader = DataLoader(
        DetectionDataset(api.examine(tmp_path / "parquet").dataset), 2, num_workers=1, collate_fn=collate
    )
    assert sum(len(images) for images, _ in loader) == 4
