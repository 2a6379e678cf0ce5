"""One epoch on boxes of real images: the loss falls, and shuffled labels teach less."""

from __future__ import annotations

import pytest
from detection_data import make_coco
from helpers import SEED

from ripguard import api
from ripguard.train.detection import DetectionDataset
from ripguard.train.detector import detect, train

pytestmark = pytest.mark.numeric


def test_the_loss_falls_within_one_epoch(tmp_path):  # type: ignore[no-untyped-def]
    data = DetectionDataset(api.examine(make_coco(tmp_path / "s", 160)).dataset, split="train")
    model, losses = train(data, epochs=1, seed=SEED)
    assert len(losses) == 20
    assert sum(losses[-4:]) < 0.7 * sum(losses[:4])
    found = detect(model, data[0][0])
    assert found["boxes"].shape == (10, 4)
    assert set(found["labels"].tolist()) <= {1, 2, 3}


@pytest.mark.slow
def test_objects_are_found(tmp_path):  # type: ignore[no-untyped-def]
    """On canvases that it has not seen, the best box mostly overlaps an object."""
    data, other = (DetectionDataset(api.examine(make_coco(tmp_path / str(seed), size, seed)).dataset)
                   for seed, size in ((0, 400), (1, 40)))  # fmt: skip
    model, _ = train(data, epochs=8, seed=SEED)
    hits = 0
    for image, target in map(other.__getitem__, range(len(other))):
        best = detect(model, image, most=1)["boxes"][0]
        left, right = target["boxes"][:, :2].maximum(best[:2]), target["boxes"][:, 2:].minimum(best[2:])
        shared = (right - left).clamp_min(0).prod(dim=1)
        hits += bool((shared / (target["area"] + (best[2:] - best[:2]).prod() - shared) > 0.5).any())
    assert hits >= 30
