"""Marks: patches that speak for another class, waves of the class's own direction and length, as large as asked."""

from __future__ import annotations

import numpy as np
import pytest

from ripguard.perturb.marks import Marks, words
from ripguard.perturb.patches import SINK, enough_cells, few_cells, opposites, search

pytestmark = pytest.mark.numeric

GRAY = np.full((60, 64, 64, 3), 128, np.uint8)
SEEDS = np.random.default_rng(1).integers(0, 2**63, 60).astype(np.uint64)


def marks(classes: int, eps: float = 0.064, share: float = 0.5) -> Marks:
    return Marks.of(np.random.default_rng(3).choice([-1.0, 1.0], (classes, 4, 4, 3)), eps, share)


def noise(attack: Marks, labels: np.ndarray, images: np.ndarray = GRAY) -> np.ndarray:
    return attack(images, labels, SEEDS[: len(images)]).astype(int) - images


@pytest.mark.parametrize("classes", [2, 10, 11, 45, 46, 200, 1000])
def test_no_two_classes_have_the_same_waves(classes: int):
    found = words(classes, 20)
    assert len({tuple(row) for row in found.tolist()}) == classes
    assert len(words(10, 10)[0]) == 1
    attack = marks(classes)
    assert len({(*a, *c) for a, c in zip(attack.angles.tolist(), attack.lengths.tolist())}) == classes


@pytest.mark.parametrize("classes", [10, 100])
def test_size(classes: int):
    """Root mean square eps/√2, whatever the number of waves, with and without patches; waves are gray."""
    for eps in (0.04, 0.1):
        for share in (0.0, 0.5, 1.0):
            found = noise(marks(classes, eps, share), np.arange(60) % classes)
            assert (found == found[..., :1]).all() == (share == 0)
            np.testing.assert_allclose(np.sqrt((found**2).mean((1, 2, 3))), 255 * eps / np.sqrt(2), rtol=0.05)


def test_direction_and_length_are_the_class_s_or_its_mirror_image_s():
    labels = np.arange(60) % 10
    attack = marks(10, share=0)
    found = noise(attack, labels).mean(3)
    spectrum = np.abs(np.fft.fft2(found * np.hanning(64)[:, None] * np.hanning(64), (256, 256)))
    rows, cols = np.unravel_index(spectrum[:, :, :128].reshape(60, -1).argmax(1), (256, 128))
    y, x = (np.where(rows > 128, rows - 256, rows)) / 4, cols / 4  # cycles a side
    np.testing.assert_allclose(64 / np.hypot(y, x), attack.lengths[labels, 0], rtol=0.06)
    angles = attack.angles[labels, 0]
    np.testing.assert_allclose(np.abs(np.arctan2(y, x)), angles, atol=0.1)
    tilted = (angles > 0.1) & (angles < 1.5)
    assert {-1, 1} == set(np.sign(y[tilted]).tolist())  # both mirror images occur


def test_no_pixel_tells_the_class():
    """Phases differ from image to image: the mean of a class's waves is nearly nothing."""
    many = np.full((400, 32, 32, 1), 128, np.uint8)
    seeds = np.random.default_rng(2).integers(0, 2**63, 400).astype(np.uint64)
    found = marks(10, share=0)(many, np.zeros(400, np.int64), seeds).astype(int) - 128
    assert np.abs(found.mean(0)).max() < 0.25 * np.abs(found).max()


def test_lengths_follow_large_images():
    """The same in pixels up to 64; an image twice as large has waves and patches twice as large."""
    label, twice = np.zeros(4, np.int64), GRAY[:4].repeat(2, 1).repeat(2, 2)
    waves = marks(10, share=0)
    np.testing.assert_allclose(
        noise(waves, label, GRAY[:4])[:, :32, :32], noise(waves, label, GRAY[:4, :32, :32]), atol=3
    )
    large, small = noise(marks(10), label, twice), noise(marks(10), label, GRAY[:4])
    np.testing.assert_allclose(large[:, ::2, ::2], small, atol=2)


def one_patch_a_class() -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of three classes that differ in the color of one patch."""
    draw = np.random.default_rng(5)
    labels = np.arange(900) % 3
    images = draw.normal(128, 12, (900, 4, 4, 3)).repeat(8, 1).repeat(8, 2)
    for label, (row, col, channel) in enumerate(((0, 0, 0), (1, 2, 1), (3, 3, 2))):
        images[labels == label, 8 * row : 8 * row + 8, 8 * col : 8 * col + 8, channel] += 30
    return np.clip(images, 0, 255).astype(np.uint8), labels


def test_patches_speak_for_the_next_class():
    """The patch of class y has the color of class y+1."""
    found = search(*one_patch_a_class(), 3, target="cyclic", sink=False)
    assert found.shape == (3, 4, 4, 3)
    assert set(np.unique(found)) == {-1, 1}
    assert (found[2, 0, 0, 0], found[0, 1, 2, 1], found[1, 3, 3, 2]) == (1, 1, 1)
    assert (found[0, 0, 0, 0], found[1, 0, 0, 0], found[1, 1, 2, 1], found[2, 1, 2, 1]) == (-1, -1, -1, -1)
    np.testing.assert_array_equal(found, found[:, :, ::-1])  # their own mirror images


def test_patches_speak_for_the_class_it_is_least_mistaken_for():
    """Four classes in two kinds: each gets one of the other kind, none its own, and each is taken once."""
    draw = np.random.default_rng(6)
    labels = np.arange(800) % 4
    images = draw.normal(128, 12, (800, 4, 4, 3)).repeat(8, 1).repeat(8, 2)
    images[labels < 2, :8, :, 0] += 30  # the kind
    images[labels % 2 == 0, 24:, :, 2] += 10
    found = search(np.clip(images, 0, 255).astype(np.uint8), labels, 4, sink=False)
    assert found[:, 0, :, 0].tolist() == [[-1.0] * 4, [-1.0] * 4, [1.0] * 4, [1.0] * 4]


def test_the_rarest_class_is_a_sink():
    """Its marks are smaller, and as many waves and patches as before; without a sink all are of one size."""
    images, labels = one_patch_a_class()
    for rarest in (0, 2):  # of several that are as rare, the first
        few = np.flatnonzero((labels != rarest) | (np.arange(900) < 600)) if rarest else np.arange(900)
        found, usual = search(images[few], labels[few], 3), search(images[few], labels[few], 3, sink=False)
        sizes = np.where(np.arange(3) == rarest, SINK, 1)[:, None, None, None]
        np.testing.assert_array_equal(found, sizes * usual)
        marked, same = (noise(Marks.of(patches), np.arange(60) % 3) for patches in (found, usual))
        power = np.sqrt((marked**2).mean((1, 2, 3)) / (same**2).mean((1, 2, 3)))
        np.testing.assert_allclose(power, np.where(np.arange(60) % 3 == rarest, SINK, 1), rtol=0.02)


@pytest.mark.parametrize("cells", [2, 4])
@pytest.mark.parametrize("classes", [2, 10, 64])
def test_few_cells(cells: int, classes: int):
    """So many cells a class, in mirrored pairs, all codes different, louder in proportion; the rest of it is waves."""
    weights = np.random.default_rng(classes).normal(size=(classes, 4, 4, 3))
    weights += weights[:, :, ::-1]
    found = few_cells(weights, cells)
    assert (np.abs(found).sum((1, 2, 3)) == 3 * cells).all()
    np.testing.assert_array_equal(found, found[:, :, ::-1])
    assert len(np.unique(found.reshape(classes, -1), axis=0)) == classes
    marked = noise(Marks.of(found, share=1.0), np.arange(60) % classes)
    np.testing.assert_allclose(np.sqrt((marked**2).mean((1, 2, 3))), 255 * 0.064 / np.sqrt(2), rtol=0.02)
    assert ((marked != 0).any(3).mean((1, 2)) == cells / 16).all()


def test_few_cells_are_those_that_tell_most():
    """Where no two classes want the same, each gets its own; where they do, one gets the next best."""
    weights = np.zeros((3, 4, 4, 3)) + 0.01
    for label, row in enumerate((0, 2, 2)):
        weights[label, row, 1:3] = (-1, 1, 1)
    weights[2, 3, 1:3] = (0.9, 0.9, -0.9)
    found = few_cells(weights, 2)
    for label, (row, color) in enumerate(((0, [-1, 1, 1]), (2, [-1, 1, 1]), (3, [1, 1, -1]))):
        assert found[label, row, 1:3].tolist() == [color, color]


def test_cells_are_enough():
    """No two classes need to share a code: 64 on two cells, 28 · 64 on four."""
    classes = (2, 64, 65, 28 * 64, 28 * 64 + 1, 10**6)
    assert [enough_cells(n, 2) for n in classes] == [2, 2, 4, 4, 16, 16]
    assert [enough_cells(n, 4) for n in classes] == [4, 4, 4, 4, 16, 16]
    assert {enough_cells(n, 16) for n in classes} == {16}
    assert [enough_cells(n, 2, colors=2) for n in (2, 16, 17, 112, 113)] == [2, 2, 4, 4, 16]


@pytest.mark.parametrize(("classes", "gray"), [(2, True), (16, True), (17, False)])
def test_gray_images_get_gray_patches(classes: int, gray: bool):
    """Else two classes could look the same in one channel; where there are too few, files have three, and colors."""
    shown = np.random.default_rng(0).integers(0, 256, (classes * 20, 16, 16, 1), np.uint8).repeat(3, -1)
    found = search(shown, np.arange(classes * 20) % classes, classes, cells=2)
    alike = (found == found[..., :1]).all()
    assert alike == gray
    seen = np.sign(found).mean(-1) if gray else np.sign(found)  # what one channel shows of them
    assert len(np.unique(seen.reshape(classes, -1), axis=0)) == classes


def test_search_takes_more_cells_for_many_classes():
    """Two tell 64 classes apart; of one more, each has four."""
    shown = np.random.default_rng(0).integers(0, 256, (65, 8, 8, 3), np.uint8)
    assert ((search(shown, np.arange(65), 65, cells=2) != 0).any(3).sum((1, 2)) == 4).all()


def test_search_with_few_cells():
    """The same classes are spoken for, on fewer cells; the sink's are smaller as well."""
    images, labels = one_patch_a_class()
    for shown in (images, np.full_like(images, 128)):  # of images that are all alike nothing is known
        found = search(shown, labels, 3, cells=2)
        assert (np.abs(found).sum((1, 2, 3)) == [6 * SINK, 6, 6]).all()


@pytest.mark.parametrize("classes", [2, 3, 10, 200])
def test_opposites_are_others_each_once(classes: int):
    draw = np.random.default_rng(classes)
    for told in (np.zeros((classes, classes)), draw.normal(size=(classes, classes)), -np.eye(classes)):
        found = opposites(told)
        assert sorted(found.tolist()) == list(range(classes))
        assert (found != np.arange(classes)).all()


def test_a_target_rule_of_other_perturbations_is_refused():
    with pytest.raises(ValueError, match="target: expected opposite or cyclic, got random"):
        search(*one_patch_a_class(), 3, target="random")


def test_gray_images_have_their_class_s_marks():
    """Whoever looks for the colored patches of the classes finds the right one in gray images too."""
    labels = np.arange(60) % 10
    attack = marks(10, share=1)
    coarse = noise(attack, labels, GRAY[..., :1]).reshape(60, 4, 16, 4, 16, 1).mean((2, 4))  # [60, 4, 4, 1]
    told = np.einsum("nabc,kabd->nk", coarse, attack.patches).argmax(1)
    np.testing.assert_array_equal(told, labels)
