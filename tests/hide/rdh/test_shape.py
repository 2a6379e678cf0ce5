"""Shaped perturbations: constant in each block, in whole steps, and never beyond 0..255."""

from __future__ import annotations

import numpy as np
import pytest
from carried import KINDS, draw_image, patched
from hypothesis import given
from hypothesis import strategies as st

from ripguard.hide.rdh.shape import RULES, applied, block_count, levels_of


@given(
    st.sampled_from(KINDS), st.sampled_from(KINDS), st.integers(1, 25), st.integers(1, 25), st.integers(1, 9),
    st.integers(1, 128), st.integers(1, 15), st.sampled_from(RULES),
)  # fmt: skip
def test_added_and_taken_away(kind, other, height, width, size, step, most, rule):  # type: ignore[no-untyped-def]
    """Exactly, for every image: nothing wraps around."""
    clean, carrier = draw_image(kind, height, width, 3, 0), draw_image(other, height, width, 3, 1)
    levels = levels_of(clean, carrier, size, step, most, rule)
    assert levels.shape == block_count(clean.shape, size)
    assert np.abs(levels).max() <= most
    image = applied(clean, levels, size, step)
    np.testing.assert_array_equal(applied(image, -levels, size, step), clean)
    moved = image.astype(int) - clean
    np.testing.assert_array_equal(moved, step * levels.repeat(size, 0).repeat(size, 1)[:height, :width])


@pytest.mark.parametrize(("height", "width", "size"), [(16, 16, 4), (13, 9, 4), (5, 5, 8)])
def test_near_what_was_wanted(height, width, size):  # type: ignore[no-untyped-def]
    """Half a step from the mean of each block, the smaller ones at the edge too; by sign: all steps its way."""
    clean = np.full((1, height, width, 3), 128, np.uint8)
    carrier = patched(clean, 21, 3)
    mean = [
        (carrier[0, y : y + size, x : x + size].astype(float) - 128).mean((0, 1))
        for y in range(0, height, size) for x in range(0, width, size)
    ]  # fmt: skip
    shape = (*block_count(clean.shape[1:], size)[:2], 3)
    near = levels_of(clean[0], carrier[0], size, 8, 15)
    assert np.abs(8 * near - np.reshape(mean, shape)).max() <= 4
    signs = levels_of(clean[0], carrier[0], size, 8, 2, "sign")
    np.testing.assert_array_equal(signs, np.where(np.reshape(mean, shape) >= 0, 2, -2))
