"""Backbones: of other images only, made once, kept under the digest of what made them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import crop, make_source
from PIL import Image

from ripguard.benchmark import backbones
from ripguard.benchmark.backbones import backbone, others
from ripguard.benchmark.defences import DEFENCES
from ripguard.benchmark.defended import SLOWER, fit_defended
from ripguard.errors import InputRefused
from ripguard.train.loop import fit
from ripguard.train.protocols import PROTOCOLS

pytestmark = pytest.mark.numeric

TINY = dataclasses.replace(PROTOCOLS["smoke"], epochs=1, batch=8)
IMAGES, LABELS = np.stack([crop(i) for i in range(12)]), np.arange(12) % 3


@pytest.fixture
def two(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """A protected folder and another one."""
    monkeypatch.setenv("RIPGUARD_CACHE", str(tmp_path / "cache"))
    for number in range(8):
        place = tmp_path / "other" / "train" / "ab"[number % 2] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(crop(50 + number)).resize((40, 40)).save(place)
    return str(make_source(tmp_path / "own")), str(tmp_path / "other")


def test_images_of_the_protected_dataset_are_refused(two):  # type: ignore[no-untyped-def]
    own, _ = two
    inside = str(Path(own) / "train")
    with pytest.raises(InputRefused, match="images to pretrain on are images of"):
        others(own, 32, inside)


def test_others_have_the_side_and_at_most_so_many(two, monkeypatch):  # type: ignore[no-untyped-def]
    own, other = two
    assert others(own, 16, other).images.shape == (8, 16, 16, 3)
    monkeypatch.setattr(backbones, "MOST", 3)
    assert np.bincount(others(own, 32, other).labels).tolist() == [3, 3]


def test_made_once(two, monkeypatch):  # type: ignore[no-untyped-def]
    """Another protocol is another backbone; a damaged file is made again."""
    own, other = two
    made: list[str] = []
    monkeypatch.setattr(backbones, "fit", lambda *a, **k: made.append("") or fit(*a, **k))
    first = backbone(own, TINY, 32, pretrain_on=other)
    again = backbone(own, TINY, 32, pretrain_on=other)
    assert len(made) == 1
    assert first.name == again.name
    assert all(torch.equal(first.state["net"][key], again.state["net"][key]) for key in first.state["net"])
    longer = dataclasses.replace(TINY, epochs=2)
    assert backbone(own, longer, 32, pretrain_on=other).name != first.name
    place = backbones.cache_root() / "backbones" / f"{first.name}.pt"
    place.write_bytes(place.read_bytes()[:100])
    backbone(own, TINY, 32, pretrain_on=other)
    assert len(made) == 3
    assert not list(place.parent.glob("*.checkpoint"))


def test_victims_begin_there(two):  # type: ignore[no-untyped-def]
    """As by hand: fine-tuned at a smaller learning rate, or with a new head alone."""
    own, other = two
    start = backbone(own, TINY, 32, pretrain_on=other)
    for name, protocol, frozen in (
        ("pretrained", dataclasses.replace(TINY, lr=TINY.lr / SLOWER), False), ("pretrained-frozen", TINY, True),
    ):  # fmt: skip
        found = fit_defended(DEFENCES[name], IMAGES, LABELS, 3, TINY, own, 1, pretrain_on=other)
        wanted = fit(IMAGES, LABELS, 3, protocol, 1, start=dataclasses.replace(start, frozen=frozen))
        assert np.array_equal(found.victim.logits(IMAGES), wanted.logits(IMAGES))
        assert found.about == {"pretrained_on": other, "start_digest": start.name}


def test_other_defences_are_as_by_hand(two):  # type: ignore[no-untyped-def]
    for name in ("none", "low-pass-1of4", "cutout"):
        defence = DEFENCES[name]
        found = fit_defended(defence, IMAGES, LABELS, 3, TINY, two[0], 1)
        seen = defence.prepared(IMAGES, LABELS, 1)
        wanted = fit(seen, LABELS, 3, TINY, 1, objective=defence.objective)
        assert np.array_equal(found.seen, seen)
        assert np.array_equal(found.victim.logits(IMAGES), wanted.logits(IMAGES))
        assert found.about == {}
