"""Pairs that an attacker makes up: marks come off; what is below is aimed as the owner did."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from helpers import SEED

from ripguard.benchmark.attacks import made_up
from ripguard.data.pictures import load
from ripguard.data.registry import open_source
from ripguard.perturb.marks import Marks, search
from ripguard.perturb.tap import TAPParams

pytestmark = pytest.mark.numeric


def test_marks_come_off():
    """Without a clean picture; what is left is nearer to the clean pictures than what was published."""
    known = [item for item in open_source("photos").items if item.split == "train"][::12]
    data = load(known)
    count, classes = len(data.labels), len(data.names)
    marks = Marks.of(search(data.pictures, data.labels, classes), 0.108)
    protected = marks.in_parts(data.pictures, data.labels, np.arange(count, dtype=np.uint64))
    draw = np.random.default_rng(1 + SEED)
    left = made_up.marks_off(protected, data.labels, classes, marks, True, draw, steps=100, seed=SEED)

    def error(pictures: np.ndarray) -> float:
        return float(((pictures.astype(float) - data.pictures) ** 2).mean())

    assert (left.shape, left.dtype) == (protected.shape, np.uint8)
    assert error(left) < 0.6 * error(protected)


def test_what_is_below_is_made_up_under_labels_drawn_at_random(monkeypatch):  # type: ignore[no-untyped-def]
    """The surrogate learns what pictures show; pairs are made and learned under drawn labels, undone under the true."""
    seen = SimpleNamespace()
    pictures = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 3)).astype(np.uint8)
    labels = np.arange(60) % 3

    def train_surrogate(own, shown, classes, settings, device):  # type: ignore[no-untyped-def]
        seen.shown, seen.side = shown, settings.side
        return "net"

    class FakeTAP:
        def __init__(self, params, context, surrogate):  # type: ignore[no-untyped-def]
            seen.net, seen.params, seen.device = surrogate, params, context.device

        def in_parts(self, own, aimed, seeds):  # type: ignore[no-untyped-def]
            seen.aimed, seen.seeds = aimed, seeds
            return own // 2

    def train_restorer(given, wanted, told, classes, steps, seed, device):  # type: ignore[no-untyped-def]
        np.testing.assert_array_equal(given, pictures // 2)
        np.testing.assert_array_equal(wanted, pictures)
        seen.told, seen.classes = told, classes
        return "unet"

    monkeypatch.setattr(made_up.surrogate, "train", train_surrogate)
    monkeypatch.setattr(made_up, "TAP", FakeTAP)
    monkeypatch.setattr(made_up.restorer, "train", train_restorer)
    monkeypatch.setattr(made_up.restorer, "restored", lambda net, own, told, device: (net, told))
    under = TAPParams(eps=0.05, target="cyclic", through=("jpeg",), steps=7)
    shown = (labels + 1) % 3
    net, undone = made_up.perturbation_off(pictures, labels, 3, shown, under, np.random.default_rng(2))
    np.testing.assert_array_equal(seen.shown, shown)
    np.testing.assert_array_equal(seen.told, seen.aimed)
    assert (seen.told != labels).mean() > 0.4
    assert set(seen.told) == {0, 1, 2}
    np.testing.assert_array_equal(undone, labels)
    assert (seen.net, seen.params, seen.device) == ("net", under, "cpu")
    assert (net, seen.side, seen.classes, len(set(seen.seeds))) == ("unet", 8, 3, 60)
