"""Pairs that an attacker makes up: marks come off; what is below is aimed as the owner did."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from helpers import SEED

from ripguard.benchmark.attacks import synthetic_pairs
from ripguard.data.image_set import load
from ripguard.data.registry import open_source
from ripguard.perturb.marks import Marks, search
from ripguard.perturb.tap import TAPParams

pytestmark = pytest.mark.numeric


def test_marks_come_off():
    """Without a clean image; what is left is nearer to the clean images than what was published."""
    known = [item for item in open_source("photos").items if item.split == "train"][::12]
    data = load(known)
    count, classes = len(data.labels), len(data.names)
    marks = Marks.of(search(data.images, data.labels, classes), 0.108)
    protected = marks.in_parts(data.images, data.labels, np.arange(count, dtype=np.uint64))
    draw = np.random.default_rng(1 + SEED)
    left = synthetic_pairs.marks_off(protected, data.labels, classes, marks, True, draw, steps=100, seed=SEED)

    def error(images: np.ndarray) -> float:
        return float(((images.astype(float) - data.images) ** 2).mean())

    assert (left.shape, left.dtype) == (protected.shape, np.uint8)
    assert error(left) < 0.6 * error(protected)


def test_what_is_below_is_made_up_under_labels_drawn_at_random(monkeypatch):  # type: ignore[no-untyped-def]
    """The surrogate learns what images show; pairs are made and learned under drawn labels, undone under the true."""
    seen = SimpleNamespace()
    images = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 3)).astype(np.uint8)
    labels = np.arange(60) % 3

    def train_surrogate(own, shown, classes, settings, device):  # type: ignore[no-untyped-def]
        seen.shown, seen.side = shown, settings.side
        return "net"

    class FakeTAP:
        def __init__(self, params, context, surrogate):  # type: ignore[no-untyped-def]
            seen.model, seen.params, seen.device = surrogate, params, context.device

        def in_parts(self, own, aimed, seeds):  # type: ignore[no-untyped-def]
            seen.aimed, seen.seeds = aimed, seeds
            return own // 2

    def train_restorer(given, wanted, told, classes, steps, seed, device):  # type: ignore[no-untyped-def]
        np.testing.assert_array_equal(given, images // 2)
        np.testing.assert_array_equal(wanted, images)
        seen.told, seen.classes = told, classes
        return "unet"

    monkeypatch.setattr(synthetic_pairs.surrogate, "train", train_surrogate)
    monkeypatch.setattr(synthetic_pairs, "TAP", FakeTAP)
    monkeypatch.setattr(synthetic_pairs.restorer, "train", train_restorer)
    monkeypatch.setattr(synthetic_pairs.restorer, "restored", lambda model, own, told, device: (model, told))
    under = TAPParams(eps=0.05, target="cyclic", through=("jpeg",), steps=7)
    shown = (labels + 1) % 3
    model, undone = synthetic_pairs.perturbation_off(images, labels, 3, shown, under, np.random.default_rng(2))
    np.testing.assert_array_equal(seen.shown, shown)
    np.testing.assert_array_equal(seen.told, seen.aimed)
    assert (seen.told != labels).mean() > 0.4
    assert set(seen.told) == {0, 1, 2}
    np.testing.assert_array_equal(undone, labels)
    assert (seen.model, seen.params, seen.device) == ("net", under, "cpu")
    assert (model, seen.side, seen.classes, len(set(seen.seeds))) == ("unet", 8, 3, 60)
