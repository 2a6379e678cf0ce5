"""Samples of an annotated dataset for detection, in the form of torchvision's reference scripts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ripguard.errors import InputRefused, UsageError
from ripguard.images.rendering import render
from ripguard.interchange.model import Annotated, Sample

Target = dict[str, Tensor]
Transform = Callable[[Tensor, Target], tuple[Tensor, Target]]


class DetectionDataset(Dataset):
    """Image tensor and target of each sample.

    ``dataset[i]`` is an image, float32 ``[3, height, width]`` from 0 to 1, and a target: ``boxes``, float32 ``[n, 4]``
    as ``x1, y1, x2, y2`` in pixels; ``labels``, int64 ``[n]``, the place of the class in ``classes`` plus 1, because
    detectors of torchvision use 0 for the background; ``image_id``, int64 ``[1]``; ``area``, float32 ``[n]``.

    Objects without a box, and crowds (``iscrowd``), are left out. The images must be upright: boxes are in pixels of
    the file.

    Args:
        annotated: the dataset, for instance ``ripguard.api.examine(folder).dataset``.
        transform: called with image and target.
        split: only samples of this split; None: all.

    Raises:
        UsageError: there is no such split.
    """

    def __init__(self, annotated: Annotated, transform: Transform | None = None, split: str | None = None) -> None:
        if split is not None and split not in annotated.splits:
            raise UsageError(f"split: expected one of {', '.join(annotated.splits)}, got {split!r}")
        self.classes = annotated.classes
        self.samples = annotated.samples if split is None else tuple(annotated.of(split))
        self.transform = transform
        self._numbers = {label: number for number, label in enumerate(self.classes, 1)}

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Tensor, Target]:
        """One image and its target. Raises :class:`InputRefused` if the image cannot be read."""
        sample = self.samples[index]
        image, target = _image(sample), self._target(sample, index)
        return self.transform(image, target) if self.transform else (image, target)

    def _target(self, sample: Sample, index: int) -> Target:
        found = [(one.box, self._numbers[one.label]) for one in sample.objects
                 if one.box is not None and not one.attributes.get("iscrowd")]  # fmt: skip
        boxes = np.array([box for box, _ in found], np.float64).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        return {
            "boxes": torch.from_numpy(boxes.astype(np.float32)),
            "labels": torch.tensor([label for _, label in found], dtype=torch.int64),
            "image_id": torch.tensor([index]),
            "area": torch.from_numpy(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1).astype(np.float32)),
        }


def _image(sample: Sample) -> Tensor:
    image = render(sample.media.read(), sample.name).image
    if image.shape[:2] != (sample.height, sample.width):
        raise InputRefused(
            f"{sample.name}: boxes are for {sample.width}×{sample.height} pixels, but it is shown rotated",
            "save a copy that is upright, and turn the boxes",
        )
    image = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float() / 255


def collate(batch: list[Any]) -> tuple[tuple[Tensor, ...], tuple[Target, ...]]:
    """Images and targets of a batch as two tuples, for ``DataLoader(collate_fn=…)``: images may differ in size."""
    images, targets = zip(*batch, strict=True)
    return images, targets
