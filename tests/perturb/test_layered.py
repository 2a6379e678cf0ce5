"""Marks over an adversarial perturbation: both are there, in that order, repeatable, and each image's own."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import SEED

from ripguard.data.image_set import ImageSet
from ripguard.perturb import surrogate
from ripguard.perturb.layered import UNDER, Layered, LayeredParams
from ripguard.perturb.make import make
from ripguard.perturb.marks import Marks
from ripguard.perturb.patches import search
from ripguard.perturb.tap import TAP, TAPParams

pytestmark = pytest.mark.numeric

EPS = 0.094


def seeds(count: int) -> np.ndarray:
    return np.random.default_rng(SEED).integers(0, 2**63, count).astype(np.uint64)


def tap_of(model: surrogate.Surrogate, steps: int = 20) -> TAP:
    return TAP(TAPParams(eps=UNDER * EPS, steps=steps), surrogate=model)


def layered_of(model: surrogate.Surrogate, images: np.ndarray, labels: np.ndarray, steps: int) -> Layered:
    marks = Marks.of(search(images, labels, 3), EPS)
    return Layered(LayeredParams(eps=EPS), under=tap_of(model, steps), marks=marks)


def test_what_is_fitted_is_what_its_parts_are(world, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Made from the training images, it is TAP and marks of the same images."""
    monkeypatch.setenv("RIPGUARD_CACHE", str(tmp_path))
    images, labels, *_ = world
    data = ImageSet(images, labels, ["a", "b", "c"], "")
    params = LayeredParams(eps=EPS, steps=2, surrogate_epochs=1)
    clean, true = images[::60], labels[::60]
    whole = make(params, data)(clean, true, seeds(len(clean)))
    below = make(params.under, data)(clean, true, seeds(len(clean)))
    np.testing.assert_array_equal(whole, make(params.marks, data)(below, true, seeds(len(clean))))


def test_marks_stand_on_the_adversarial_image(world):  # type: ignore[no-untyped-def]
    """Without its marks a carrier is what TAP alone makes; the surrogate sees the next class in that."""
    images, labels, model, _, _ = world
    clean, true = images[::5], labels[::5]
    marks, under = Marks.of(search(clean, true, 3), EPS), tap_of(model)
    layered = Layered(LayeredParams(eps=EPS), under=under, marks=marks)
    carrier = layered(clean, true, seeds(len(clean)))
    below = under(clean, true, seeds(len(clean)))
    np.testing.assert_array_equal(carrier, marks(below, true, seeds(len(clean))))
    np.testing.assert_array_equal(carrier, layered(clean, true, seeds(len(clean))))
    assert np.abs(below.astype(int) - clean).max() <= round(UNDER * EPS * 255) + 1
    aim = np.arange(len(clean)), (true + 1) % 3
    assert (surrogate.predict(model, below)[aim] > surrogate.predict(model, clean)[aim]).mean() > 0.8
    marked = np.sqrt(((carrier.astype(float) - below) ** 2).mean((1, 2, 3)))
    assert np.median(marked) > np.sqrt(((below.astype(float) - clean) ** 2).mean())  # most of the noise


@pytest.mark.parametrize("shape", [(32, 32, 1), (13, 21, 3), (1, 1, 3), (100, 70, 3)])
def test_other_shapes(world, shape):  # type: ignore[no-untyped-def]
    """Grayscale, odd, tiny, and larger than the surrogate's scale."""
    images, labels, model, _, _ = world
    clean = np.random.default_rng(0).integers(0, 256, (2, *shape)).astype(np.uint8)
    layered = layered_of(model, images, labels, steps=2)
    assert (layered(clean, np.array([0, 1]), seeds(2)) != clean).any()


def test_neighbours_do_not_matter(world):  # type: ignore[no-untyped-def]
    """The same beside other neighbours, and alone up to rounding of the surrogate's arithmetic in a few samples."""
    images, labels, model, _, _ = world
    layered = layered_of(model, images, labels, steps=3)
    together = layered(images[:4], labels[:4], seeds(4))
    mixed = [0, 1, 202, 403]
    np.testing.assert_array_equal(layered(images[mixed], labels[mixed], seeds(4))[:2], together[:2])
    alone = np.concatenate([layered(images[i : i + 1], labels[i : i + 1], seeds(4)[i : i + 1]) for i in range(4)])
    assert (together != alone).mean() < 0.05
