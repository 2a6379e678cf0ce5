"""The shared order falls to known pairs, and the rest of the release with it; orders of single images do not."""

from __future__ import annotations

import numpy as np
import pytest

from ripguard.benchmark.attacks.known_pair import order_from_pairs, pairs_needed
from ripguard.schemes.pixel_order import pixel_order, scrambled, unscrambled

KEYS = [bytes([number]) * 32 for number in range(24)]


def test_a_few_pairs_open_the_release(clean):  # type: ignore[no-untyped-def]
    order = pixel_order(KEYS[0], 32, 32)
    published = scrambled(clean, order)
    count = pairs_needed(clean, published)
    assert count is not None
    assert count <= 3
    found, sure = order_from_pairs(clean[:count], published[:count])
    assert sure.all()
    assert np.array_equal(found, order)
    assert np.array_equal(unscrambled(published[count:], found), clean[count:])


def test_one_pair_decides_what_it_can(clean):  # type: ignore[no-untyped-def]
    """What is sure is right; the rest agrees with the pair."""
    order = pixel_order(KEYS[0], 32, 32)
    flat = clean[:1] // 16 * 16  # few values
    found, sure = order_from_pairs(flat, scrambled(flat, order))
    assert 0 < sure.mean() < 1
    assert np.array_equal(found[sure], order[sure])
    assert np.array_equal(unscrambled(scrambled(flat, order), found), flat)
    assert sorted(found) == list(range(1024))


def test_images_with_an_order_each_tell_nothing(clean):  # type: ignore[no-untyped-def]
    published = np.stack([scrambled(one, pixel_order(key, 32, 32)) for one, key in zip(clean, KEYS)])
    found, _ = order_from_pairs(clean[:1], published[:1])
    assert np.array_equal(unscrambled(published[0], found), clean[0])
    right = (unscrambled(published[1:], found) == clean[1:]).all(3).mean()
    assert right < 0.1


def test_images_of_one_color_decide_nothing():
    flat = np.full((2, 4, 4, 1), 7, np.uint8)
    assert pairs_needed(flat, flat) is None
    assert not order_from_pairs(flat, flat)[1].any()


@pytest.mark.parametrize("shape", [(1, 4, 5, 3), (2, 4, 4, 3)])
def test_shapes(shape):  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="pairs"):
        order_from_pairs(np.zeros((1, 4, 4, 3), np.uint8), np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match="pairs"):
        order_from_pairs(np.zeros((0, 4, 4, 3), np.uint8), np.zeros((0, 4, 4, 3), np.uint8))
