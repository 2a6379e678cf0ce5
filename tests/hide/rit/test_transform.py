"""The transformation: close to the carrier, in the ways that its sources describe."""

from __future__ import annotations

import numpy as np
import pytest
from carried import patched

from ripguard.hide.mrit.blocks import to_cells
from ripguard.hide.rit.transform import Settings, forward, grid_of, spreads
from ripguard.images.quality import likeness


def test_single_pixels_keep_their_remainder(clean):  # type: ignore[no-untyped-def]
    """Blocks of one pixel: the value nearest to the carrier's with the original's remainder by 8 (Yin et al.)."""
    middle = clean[0] // 2 + 64
    carrier = np.clip(middle + np.random.default_rng(0).integers(-30, 31, middle.shape), 0, 255).astype(np.uint8)
    image, moves = forward(middle, carrier, Settings())
    assert (image % 8 == middle % 8).all()
    assert np.abs(image.astype(int) - carrier).max() <= 4
    assert not moves.excess.any()
    assert not moves.back.any()
    assert not moves.turns.any()


@pytest.mark.parametrize(("size", "least"), [(1, 38), (2, 24), (4, 20)])
def test_smaller_blocks_come_closer(size, least, clean):  # type: ignore[no-untyped-def]
    """To the carrier, median over photographs."""
    carrier = patched(clean, 18, 4)
    made = [forward(one, other, Settings(size=size))[0] for one, other in zip(clean, carrier)]
    assert np.median([likeness(one, other)["psnr"] for one, other in zip(made, carrier)]) > least


def test_red_and_blue_follow_green(clean):  # type: ignore[no-untyped-def]
    """One pairing, by the deviations of green; each channel has turns of its own."""
    own = Settings(size=4)
    image, moves = forward(clean[2], clean[7], own)
    g = grid_of(image.shape, own)
    before, after = (spreads(to_cells(one[None].astype(np.int64), g), g) for one in (clean[2], image))
    if not moves.excess.any():
        np.testing.assert_array_equal(np.sort(before, axis=0), np.sort(after, axis=0))
    assert (moves.turns[:, 0] != moves.turns[:, 1]).any()
    assert moves.tags.max() <= 5


def test_flat_blocks_are_not_turned(clean):  # type: ignore[no-untyped-def]
    _, moves = forward(clean[2], clean[7], Settings(size=4, flat=127))
    assert not moves.turns.any()


def test_clipping_is_bounded(clean):  # type: ignore[no-untyped-def]
    """Never more than T levels are cut off, nor moved back by."""
    stretched = np.clip(2 * clean[4].astype(int) - 128, 0, 255).astype(np.uint8)
    for overflow in (0, 3, 16):
        _, moves = forward(stretched, clean[9], Settings(size=3, overflow=overflow))
        assert moves.excess.max() <= overflow
        assert np.abs(moves.back).max() <= overflow
