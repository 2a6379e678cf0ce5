"""``rit``: exact for every image and carrier, with a decoder, which the published program lacks."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
from carried import KINDS, draw_image, exact, patched, real_images
from hypothesis import given
from hypothesis import strategies as st

from ripguard.errors import UsageError
from ripguard.hide.rit.method import RIT, RITParams


@given(
    st.sampled_from(KINDS), st.sampled_from(KINDS), st.integers(1, 40), st.integers(1, 40),
    st.sampled_from([(1, 1), (1, 3), (3, 3)]), st.integers(1, 9), st.integers(1, 40), st.integers(0, 16),
    st.integers(0, 3), st.integers(0, 2**32),
)  # fmt: skip
def test_any_image_comes_back(kind, other, height, width, channels, size, step, overflow, layers, seed):  # type: ignore[no-untyped-def]
    """Any shape, gray or not, any kind of image and carrier, any parameters: bit for bit."""
    params = RITParams(size=size, step=step, overflow=overflow, layers=layers)
    clean = draw_image(kind, height, width, channels[0], seed)
    exact(RIT(params), clean[None], draw_image(other, height, width, channels[1], seed + 1)[None])


def test_a_photograph_carries_its_own_record():
    """At full size, blocks of one pixel, under a smooth perturbation: no residue."""
    clean = np.ascontiguousarray(skimage.data.coffee()[None])
    (one,) = exact(RIT(), clean, patched(clean, 18, 40))
    assert one.header.inline


def test_parameters_out_of_bounds():
    with pytest.raises(UsageError, match=r"--block-size: expected 1\.\.32, got 33"):
        RITParams(size=33)
    with pytest.raises(UsageError, match=r"--overflow: expected 0\.\.16, got 17"):
        RITParams(overflow=17)


@pytest.mark.slow
@pytest.mark.parametrize(("source", "count"), [("photos", 2000), ("cifar10", 2000), ("tinyimagenet", 500)])
@pytest.mark.parametrize("size", [1, 4])
def test_real_images(source, count, size):  # type: ignore[no-untyped-def]
    """All come back, with a residue where the record does not fit."""
    own, done = RIT(RITParams(size=size)), 0
    for clean in real_images(source, count):
        done += len(exact(own, clean, patched(clean)))
    assert done == count
