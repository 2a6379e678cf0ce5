"""One pass: errors expand as published, and every set of samples comes back with every number of bits that fits."""

from __future__ import annotations

import numpy as np
import pytest
from carried import KINDS, draw_image
from hypothesis import given
from hypothesis import strategies as st

from ripguard.codecs.bounded import BadStream
from ripguard.hide.rdh.expand import (
    STEPS,
    Pass,
    embed,
    extract,
    furthest,
    inside,
    moved,
    moved_back,
    thresholds,
    tried,
)
from ripguard.hide.rdh.predict import CROSS, DOT, cells_of

ERRORS = np.arange(-255, 256)


def test_thresholds_grow_alternately():
    """(−1, 0), (−2, 0), (−2, 1), (−3, 1) …, as Sachnev et al. enlarge them."""
    assert [thresholds(step) for step in range(5)] == [(-1, 0), (-2, 0), (-2, 1), (-3, 1), (-3, 2)]
    assert tried(0, STEPS - 1)[-1] == STEPS - 1
    assert tried(5, 4) == []
    assert tried(3, 5) == [3, 4, 5]


@pytest.mark.parametrize("step", range(STEPS))
def test_every_error_moves_and_comes_back(step):  # type: ignore[no-untyped-def]
    """By the formulas of the paper; no two errors become one; more distant errors stay more distant."""
    low, high = thresholds(step)
    for bit in (0, 1):
        found = moved(ERRORS, np.full(len(ERRORS), bit), step)
        wanted = [2 * e + bit if low <= e <= high else e + high + 1 if e > high else e + low for e in ERRORS.tolist()]
        assert found.tolist() == wanted
        np.testing.assert_array_equal(moved_back(found, step), ERRORS)
    both = np.concatenate([moved(ERRORS, np.full(len(ERRORS), bit), step) for bit in (0, 1)])
    shared = np.intersect1d(both[: len(ERRORS)], both[len(ERRORS) :])
    assert set(shared.tolist()) == {e for e in both.tolist() if e > 2 * high + 1 or e < 2 * low}  # the shifted ones
    assert (np.diff(furthest(ERRORS, step)) > 0).all()


@given(
    st.sampled_from(KINDS), st.integers(1, 24), st.integers(1, 24), st.sampled_from([1, 3]), st.floats(0, 1),
    st.sampled_from([CROSS, DOT]), st.integers(0, 40), st.integers(0, 2**32),
)  # fmt: skip
def test_round_trip(kind, height, width, channels, share, parity, first, seed):  # type: ignore[no-untyped-def]
    """Bits and samples come back, nothing leaves 0..255, and other samples are not touched."""
    flat = draw_image(kind, height, width, channels, seed).reshape(-1).astype(np.int32)
    cells = cells_of((height, width, channels), first, parity)
    own = Pass.of(flat, cells)
    bits = np.random.default_rng(seed).integers(0, 2, int(share * len(cells.at))).astype(np.uint8)
    done = embed(own, bits)
    if done is None:
        return
    after = flat.copy()
    after[own.at] = done[1]
    assert inside(after).all()
    now = Pass.of(after, cells)
    np.testing.assert_array_equal(now.at, own.at)  # the order does not depend on what was changed
    found, values = extract(now, len(bits), done[0])
    np.testing.assert_array_equal(found, bits)
    after[now.at] = values
    np.testing.assert_array_equal(after, flat)


def test_an_image_at_both_ends_pays_for_its_map():
    """Samples that could leave 0..255 cost a bit each: the room shrinks by them, and everything comes back."""
    image = draw_image("nearly white", 24, 24, 1, 3)
    cells = cells_of(image.shape, 0, CROSS)
    own = Pass.of(image.reshape(-1).astype(np.int32), cells)
    fits = [count for count in range(0, len(cells.at)) if embed(own, np.ones(count, np.uint8)) is not None]
    assert fits == list(range(len(fits)))  # no gaps
    assert 0 < len(fits) < 0.9 * len(cells.at)
    middle = Pass.of((image.reshape(-1) // 2).astype(np.int32), cells)
    assert embed(middle, np.ones(len(fits) + 9, np.uint8)) is not None  # away from the ends there is no map


def test_more_bits_than_there_are():
    """A reader that is told too much is refused."""
    image = draw_image("gradient", 12, 12, 3, 0)
    own = Pass.of(image.reshape(-1).astype(np.int32), cells_of(image.shape, 0, DOT))
    with pytest.raises(BadStream, match="not hold that many bits"):
        extract(own, 10_000, 0)
