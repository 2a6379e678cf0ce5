"""Perturbation `lock`: bounded, repeatable, of image and label alone, any shape, the same after the cache; unlocked."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import SEED

from ripguard.data.image_set import ImageSet
from ripguard.methods.fitted import Fitted
from ripguard.perturb.lock.method import FORMS, Lock, LockParams
from ripguard.perturb.make import make

pytestmark = pytest.mark.numeric
NAMES = ["a", "b", "c"]
COUNT = 90
SEEDS = np.zeros(COUNT, np.uint64)


@pytest.fixture(scope="module", params=FORMS)
def made(request):  # type: ignore[no-untyped-def]
    """Images that say nothing of their class, with few samples near 0 and 255, and a lock fitted to them."""
    draw = np.random.default_rng(SEED)
    images = draw.integers(60, 190, (COUNT, 1, 1, 3)) + draw.integers(-12, 13, (COUNT, 20, 20, 3))
    data = ImageSet(images.astype(np.uint8), draw.integers(0, 3, COUNT), NAMES, "")
    return data, make(LockParams(transform=request.param, rounds=1), data, SEED)


def test_bounded_repeatable_and_of_the_image_alone(made):  # type: ignore[no-untyped-def]
    data, lock = made
    shown = lock(data.images, data.labels, SEEDS)
    assert 0 < np.abs(shown.astype(int) - data.images).max() <= 16
    np.testing.assert_array_equal(lock(data.images, data.labels, SEEDS + np.uint64(1)), shown)
    np.testing.assert_array_equal(lock(data.images[40:43], data.labels[40:43], SEEDS[:3]), shown[40:43])
    assert (lock(data.images, (data.labels + 1) % 3, SEEDS) != shown).any()


def test_the_same_after_the_cache(made, tmp_path):  # type: ignore[no-untyped-def]
    data, lock = made
    lock.fitted.write(tmp_path / "fitted.npz")
    fitted = Fitted.read(tmp_path / "fitted.npz")
    assert fitted is not None
    again = Lock(lock.params, fitted)
    np.testing.assert_array_equal(again(data.images, data.labels, SEEDS), lock(data.images, data.labels, SEEDS))
    np.testing.assert_array_equal(again.unlock(data.images, data.labels), lock.unlock(data.images, data.labels))


def test_fitting_is_repeatable(made):  # type: ignore[no-untyped-def]
    data, lock = made
    assert make(lock.params, data, SEED).fitted.digest == lock.fitted.digest


def test_unlocked_with_the_label(made):  # type: ignore[no-untyped-def]
    """Nearly all samples are back; under a wrong label fewer are."""
    data, lock = made
    shown = lock(data.images, data.labels, SEEDS)
    right = (lock.unlock(shown, data.labels) == data.images).mean()
    wrong = (lock.unlock(shown, (data.labels + 1) % 3) == data.images).mean()
    assert right > 0.9
    assert wrong < right


@pytest.mark.parametrize("shape", [(32, 32, 1), (13, 21, 3), (1, 1, 3), (100, 70, 1)])
def test_other_shapes(made, shape):  # type: ignore[no-untyped-def]
    """Grayscale, odd, tiny, and larger than the training images."""
    clean = np.random.default_rng(0).integers(30, 226, (2, *shape)).astype(np.uint8)
    labels, lock = np.array([0, 2]), made[1]
    shown = lock(clean, labels, SEEDS[:2])
    assert np.abs(shown.astype(int) - clean).max() <= 16
    assert np.abs(lock.unlock(shown, labels).astype(int) - clean).max() <= 2
