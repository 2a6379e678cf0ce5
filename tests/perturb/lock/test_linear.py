"""The linear lock: bounded, undone but for rounding and clipping, whole numbers, any shape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ripguard.perturb.lock.linear import ONE, fixed, locked, sized, unlocked

SAMPLES = st.integers(0, 255)


def drawn(shape: tuple[int, ...], eps: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Fixed-point numbers of a lock, uniform within its bounds."""
    draw = np.random.default_rng(seed)
    made = fixed(1 + draw.uniform(-eps / 2, eps / 2, shape), draw.uniform(-eps / 2, eps / 2, shape))
    return made["scale"], made["offset"]


@given(arrays(np.uint8, (2, 5, 7, 3), elements=SAMPLES), st.floats(0.01, 1), st.integers(0, 99))
def test_bounded_and_undone(clean, eps, seed):  # type: ignore[no-untyped-def]
    """Within ε, rounding included; what was not cut off comes back within half a level of the slope."""
    scale, offset = drawn(clean.shape, eps, seed)
    shown = locked(clean, scale, offset)
    moved = np.abs(shown.astype(int) - clean)
    assert moved.max() <= 255 * eps + 0.51
    inside = (shown > 0) & (shown < 255)
    off = np.abs(unlocked(shown, scale, offset).astype(int) - clean)[inside]
    assert off.max(initial=0) <= 0.5 / (1 - eps / 2) + 0.51


def test_they_are_the_formulas():
    """Whole-number arithmetic rounds as floating point does, but for halves."""
    clean = np.random.default_rng(1).integers(0, 256, (3, 8, 8, 3)).astype(np.uint8)
    scale, offset = drawn(clean.shape, 0.1)
    exact = (scale * clean + offset) / ONE
    clear = np.abs(exact % 1 - 0.5) > 1e-6
    np.testing.assert_array_equal(locked(clean, scale, offset)[clear], np.clip(np.rint(exact), 0, 255)[clear])
    back = (clean * float(ONE) - offset) / scale
    clear = np.abs(back % 1 - 0.5) > 1e-6
    np.testing.assert_array_equal(unlocked(clean, scale, offset)[clear], np.clip(np.rint(back), 0, 255)[clear])


def test_a_slope_of_one_is_undone_exactly():
    """No rounding is lost where whole levels are added."""
    clean = np.random.default_rng(2).integers(20, 230, (2, 6, 6, 3)).astype(np.uint8)
    made = fixed(np.ones(clean.shape), np.full(clean.shape, 7 / 255))
    scale, offset = made["scale"], made["offset"]
    shown = locked(clean, scale, offset)
    np.testing.assert_array_equal(shown, clean + 7)
    np.testing.assert_array_equal(unlocked(shown, scale, offset), clean)


@pytest.mark.parametrize("shape", [(8, 8, 3), (8, 8, 1), (13, 21, 3), (1, 1, 1), (64, 5, 3)])
def test_other_shapes(shape):  # type: ignore[no-untyped-def]
    """Within the bounds of the lock; its own shape is left as it is; gray is the mean of the channels."""
    values = np.random.default_rng(3).integers(-9, 10, (4, 8, 8, 3)).astype(np.int32)
    found = sized(values, shape)
    assert found.shape == (4, *shape)
    assert found.min() >= values.min()
    assert found.max() <= values.max()
    if shape == (8, 8, 3):
        np.testing.assert_array_equal(found, values)
    if shape == (8, 8, 1):
        np.testing.assert_array_equal(found[..., 0], np.rint(values.mean(3)))


def test_enlarged_is_bilinear():
    """A ramp stays a ramp, with flat ends."""
    ramp = np.broadcast_to(100 * np.arange(4)[:, None, None], (1, 4, 4, 3)).astype(np.int32)
    assert sized(ramp, (8, 4, 3))[0, :, 0, 0].tolist() == [0, 25, 75, 125, 175, 225, 275, 300]
