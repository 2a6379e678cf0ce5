"""The low band of images: an orthogonal projection onto their lowest DCT coefficients."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.fft import dctn

from ripguard.images import bands
from ripguard.images.bands import enlarged, low_band, thumbnail

SHAPES = [(3, 32, 32, 3), (2, 64, 64, 3), (2, 7, 12, 1)]


def drawn(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("k", [1, 2, 5, 8])
def test_it_keeps_the_lowest_coefficients_and_no_others(shape, k):
    images = drawn(shape)
    before = dctn(images.astype(np.float64), axes=(1, 2), norm="ortho")
    after = dctn(low_band(images, k).astype(np.float64), axes=(1, 2), norm="ortho")
    assert np.allclose(after[:, :k, :k], before[:, :k, :k], atol=1e-2)
    assert np.abs(after[:, k:]).max(initial=0) < 1e-2
    assert np.abs(after[:, :, k:]).max(initial=0) < 1e-2


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_idempotent(shape):
    once = low_band(drawn(shape), 5)
    assert once.dtype == np.float32
    assert np.allclose(low_band(once, 5), once, atol=1e-3)


def test_it_is_linear():
    one, other = drawn((2, 32, 32, 3)).astype(np.float32), drawn((2, 32, 32, 3), 1).astype(np.float32)
    assert np.allclose(low_band(2 * one - 3 * other, 6), 2 * low_band(one, 6) - 3 * low_band(other, 6), atol=1e-2)


def test_it_is_orthogonal():
    images = drawn((2, 32, 32, 3)).astype(np.float64)
    low = low_band(images, 6).astype(np.float64)
    assert abs((low * (images - low)).sum()) < 1e-4 * (images**2).sum()


def test_the_lowest_coefficient_is_the_mean():
    images = drawn((2, 16, 16, 3))
    assert np.allclose(low_band(images, 1), images.mean((1, 2), keepdims=True), atol=1e-2)


@pytest.mark.parametrize("k", [32, 33, 500])
def test_all_coefficients_are_the_image_itself(k):
    images = drawn((2, 32, 32, 3))
    assert np.array_equal(low_band(images, k), images)


def test_a_short_side_is_kept_whole():
    images = np.repeat(drawn((2, 4, 1, 3)), 16, axis=2)  # constant along its long side
    assert np.allclose(low_band(images, 4), images, atol=1e-2)


def test_images_are_independent_of_their_batch(monkeypatch):
    images = drawn((7, 16, 16, 3))
    whole = low_band(images, 4)
    assert all(np.array_equal(low_band(images[i : i + 1], 4)[0], whole[i]) for i in range(7))
    monkeypatch.setattr(bands, "CHUNK", 3)
    assert np.array_equal(low_band(images, 4), whole)


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="shape"):
        low_band(drawn((4, 4, 3)), 2)
    with pytest.raises(ValueError, match="at least one"):
        low_band(drawn((1, 4, 4, 3)), 0)


def test_images_are_left_as_they_are():
    images = drawn((2, 8, 8, 3)).astype(np.float32)
    before = images.copy()
    low_band(images, 2)
    low_band(images, 8)[:] = 0
    assert np.array_equal(images, before)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("k", [1, 5, 8])
def test_an_enlarged_thumbnail_is_the_low_band(shape, k):
    images = drawn(shape)
    assert np.allclose(enlarged(thumbnail(images, k), *shape[1:3]), low_band(images, k), atol=1e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_thumbnail_of_an_enlarged_thumbnail_is_the_thumbnail(shape):
    small = thumbnail(drawn(shape), 5)
    assert small.shape == (shape[0], 5, 5, shape[3])
    assert np.allclose(thumbnail(enlarged(small, *shape[1:3]), 5), small, atol=1e-3)


def test_a_thumbnail_keeps_brightness():
    images = np.full((1, 24, 40, 3), 200, np.uint8)
    assert np.allclose(thumbnail(images, 8), 200, atol=1e-3)


def test_an_image_does_not_depend_on_its_batch():
    images = drawn((5, 32, 32, 3))
    assert np.array_equal(thumbnail(images, 8)[3:4], thumbnail(images[3:4], 8))
    assert np.array_equal(enlarged(thumbnail(images, 8), 32, 32)[3:4], enlarged(thumbnail(images[3:4], 8), 32, 32))
