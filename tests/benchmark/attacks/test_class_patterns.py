"""The attack finds what marks put on, and leaves clean images alone."""

from __future__ import annotations

import numpy as np
import pytest

from ripguard.benchmark.attacks.class_patterns import class_patches, without_patterns
from ripguard.perturb.marks import Marks, MarksParams
from ripguard.perturb.patches import SINK, few_cells

pytestmark = pytest.mark.numeric
CLASSES, SIDE = 4, 32


def smooth(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images without edges at the cells' borders, and their labels: sums of waves of random directions and phases."""
    draw = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    turns, phases = draw.uniform(-9, 9, (count, 6, 2)), draw.uniform(0, 2 * np.pi, (count, 6, 3))
    waves = np.cos((turns[..., :1, None] * y + turns[..., 1:, None] * x)[..., None] + phases[:, :, None, None])
    return np.clip(128 + 20 * waves.sum(1), 0, 255).astype(np.uint8), np.arange(count) % CLASSES


def patches_of(cells: int) -> np.ndarray:
    weights = np.random.default_rng(3).normal(size=(CLASSES, 4, 4, 3))
    weights = weights + weights[:, :, ::-1]
    found = np.sign(weights) if cells == 16 else few_cells(weights, cells)
    found[0] *= SINK
    return found


@pytest.mark.parametrize("cells", [16, 4, 2])
def test_it_finds_the_patches(cells):  # type: ignore[no-untyped-def]
    """Their signs in nearly all cells, and most of the perturbation is gone afterwards, in all classes but the sink."""
    clean, labels = smooth(800)
    marks = Marks.of(patches_of(cells))
    published = marks.in_parts(clean, labels, np.arange(len(clean), dtype=np.uint64))
    added = np.stack([(published[labels == c].astype(float) - clean[labels == c]).mean(0) for c in range(CLASSES)])
    truth = added.reshape(CLASSES, 4, 8, 4, 8, 3).mean((2, 4))
    found = class_patches(published, labels, CLASSES)
    assert np.corrcoef(truth[1:].ravel(), found[1:].ravel())[0, 1] > 0.9
    span = Marks.public_span(MarksParams(), CLASSES, (SIDE, SIDE))
    left = without_patterns(published, labels, CLASSES, span)
    alone = without_patterns(clean, np.zeros_like(labels), 1, span)  # what the projection takes from the content
    before, after = (np.abs(one.astype(float) - other).mean() for one, other in ((published, clean), (left, alone)))
    assert after < 0.6 * before


def test_clean_images_hardly_change():
    """Without a span, smooth images of several classes keep their samples within a level or two."""
    clean, labels = smooth(800)
    after = without_patterns(clean, labels, CLASSES)
    assert np.abs(after.astype(int) - clean).mean() < 2


def test_public_waves_are_projected_out():
    """Waves of every class, at any phase, and their mirror images; the mean of an image stays."""
    marks, labels = Marks.of(patches_of(16)), np.arange(40) % CLASSES
    waves = marks.waves((SIDE, SIDE), labels, [np.random.default_rng(i) for i in range(40)])
    images = np.clip(128 + 20 * waves, 0, 255).round().astype(np.uint8)[..., None].repeat(3, 3)
    span = Marks.public_span(MarksParams(), CLASSES, (SIDE, SIDE))
    after = without_patterns(images, np.zeros(40, np.int64), 1, span)
    assert after.std((1, 2)).max() < 2
    np.testing.assert_allclose(after.mean((1, 2)), images.mean((1, 2)), atol=1)


def test_classes_without_images():
    """They have no patches."""
    clean, labels = smooth(40)
    assert not class_patches(clean, labels, CLASSES + 2)[CLASSES:].any()
