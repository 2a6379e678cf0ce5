"""Class marks: waves of the class's own direction and length at phases of their own, patches, as large as asked."""

from __future__ import annotations

import numpy as np
import pytest

from ripguard.perturb.waves import Waves, words

GREY = np.full((60, 64, 64, 3), 128, np.uint8)
SEEDS = np.random.default_rng(1).integers(0, 2**63, 60).astype(np.uint64)


def noise(attack: Waves, labels: np.ndarray, pictures: np.ndarray = GREY) -> np.ndarray:
    return attack(pictures, labels, SEEDS[: len(pictures)]).astype(int) - pictures


@pytest.mark.parametrize("classes", [2, 10, 11, 45, 46, 200, 1000])
def test_no_two_classes_have_the_same_waves(classes: int):
    found = words(classes, 20)
    assert len({tuple(row) for row in found.tolist()}) == classes
    assert len(words(10, 10)[0]) == 1
    attack = Waves(classes)
    assert len({(*a, *c) for a, c in zip(attack.angles.tolist(), attack.cycles.tolist())}) == classes


@pytest.mark.parametrize("classes", [10, 100])
def test_size(classes: int):
    """Root mean square eps/√2, whatever the number of waves, with and without patches; waves are grey."""
    for eps in (0.04, 0.1):
        for patches in (0.0, 0.25, 1.0):
            found = noise(Waves(classes, eps, patches), np.arange(60) % classes)
            assert (found == found[..., :1]).all() == (patches == 0)
            np.testing.assert_allclose(np.sqrt((found**2).mean((1, 2, 3))), 255 * eps / np.sqrt(2), rtol=0.05)


def test_direction_and_length_are_the_class_s_or_its_mirror_image_s():
    labels = np.arange(60) % 10
    attack = Waves(10)
    found = noise(attack, labels).mean(3)
    spectrum = np.abs(np.fft.fft2(found * np.hanning(64)[:, None] * np.hanning(64), (256, 256)))
    rows, cols = np.unravel_index(spectrum[:, :, :128].reshape(60, -1).argmax(1), (256, 128))
    y, x = (np.where(rows > 128, rows - 256, rows)) / 4, cols / 4  # cycles a side
    np.testing.assert_allclose(np.hypot(y, x), attack.cycles[labels, 0], atol=0.4)
    angles = attack.angles[labels, 0]
    np.testing.assert_allclose(np.abs(np.arctan2(y, x)), angles, atol=0.1)
    tilted = (angles > 0.1) & (angles < 1.5)
    assert {-1, 1} == set(np.sign(y[tilted]).tolist())  # both mirror images occur


def test_no_pixel_tells_the_class():
    """Phases differ from picture to picture: the mean of a class's waves is nearly nothing."""
    many = np.full((400, 32, 32, 1), 128, np.uint8)
    seeds = np.random.default_rng(2).integers(0, 2**63, 400).astype(np.uint64)
    found = Waves(10, patches=0)(many, np.zeros(400, np.int64), seeds).astype(int) - 128
    assert np.abs(found.mean(0)).max() < 0.25 * np.abs(found).max()


def test_lengths_follow_the_picture():
    """A picture twice as large has waves and patches twice as large."""
    label = np.zeros(4, np.int64)
    large, small = noise(Waves(10), label, GREY[:4]), noise(Waves(10), label, GREY[:4, :32, :32])
    np.testing.assert_allclose(large[:, ::2, ::2], small, atol=1.5)
