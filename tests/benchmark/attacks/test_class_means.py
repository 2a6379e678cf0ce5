"""The attack takes what all images of a class have in common, and leaves clean images nearly alone."""

from __future__ import annotations

import numpy as np
import pytest

from ripguard.benchmark.attacks.class_means import without_class_means

CLASSES, COUNT = 4, 400
DRAW = np.random.default_rng(0)
LABELS = np.arange(COUNT) % CLASSES


def images(height: int = 32, width: int = 32) -> np.ndarray:
    """Images of which no class has colors of its own."""
    flat = DRAW.integers(60, 190, (COUNT, 1, 1, 3)).repeat(CLASSES, 0)[:COUNT]
    return (flat + DRAW.integers(-20, 21, (COUNT, height, width, 3))).astype(np.uint8)


@pytest.mark.parametrize("grid", [1, 4])
def test_offsets_of_classes_go(grid):  # type: ignore[no-untyped-def]
    """Colors of each class, or of each of its cells, are gone up to a move that is the same for all images."""
    clean = images(30, 34)
    offsets = DRAW.integers(-25, 26, (CLASSES, grid, grid, 3))
    rows, cols = np.arange(30) * grid // 30, np.arange(34) * grid // 34
    published = np.clip(clean + offsets[LABELS][:, rows][:, :, cols], 0, 255).astype(np.uint8)
    left = without_class_means(published, LABELS, CLASSES, grid).astype(float) - clean
    means = np.stack([left[label == LABELS].mean((0, 1, 2)) for label in range(CLASSES)])
    assert np.abs(means - means.mean(0)).max() < 1
    assert (left - left.mean(0)).std() < 2
    assert (published.astype(float) - clean).std() > 8


def test_patches_need_cells():
    """One color for the whole image does not take patches of opposite signs."""
    clean = images()
    halves = np.where(np.arange(32) < 16, 20, -20)[None, :, None, None]
    published = np.clip(clean + halves * np.where(LABELS % 2, 1, -1)[:, None, None, None], 0, 255).astype(np.uint8)
    off = [np.abs(without_class_means(published, LABELS, CLASSES, grid).astype(int) - clean).mean() for grid in (1, 4)]
    assert off[0] > 15
    assert off[1] < 3


def test_clean_images_hardly_change():
    """Classes without colors of their own, of many images, keep their samples within a few levels."""
    clean = images()
    assert np.abs(without_class_means(clean, LABELS, CLASSES).astype(int) - clean).mean() < 4


def test_classes_without_images():
    """They count for nothing."""
    clean = images()
    np.testing.assert_array_equal(
        without_class_means(clean, LABELS, CLASSES + 3), without_class_means(clean, LABELS, CLASSES)
    )
