"""The Sequence coder: exact, compact, and the same bytes for ever."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ripguard.sequence import Layout, Sequence, decode, encode


def random_sequence(layout: Layout, batch: int, seed: int, spread: float) -> Sequence:
    draw = np.random.default_rng(seed)
    if layout.pairing == "permutation":
        tiles = [[draw.permutation(t) for t in layout.tiles] for _ in range(batch)]
        order = np.array([np.concatenate(t) if t else [] for t in tiles], np.int64).reshape(batch, layout.blocks)
    elif layout.pairing == "tags":
        order = draw.integers(0, layout.classes, (batch, 2 * layout.blocks))
    else:
        order = np.zeros((batch, 0), np.int64)
    turns = draw.integers(0, 4, (batch, layout.blocks)) * layout.turns
    noise = np.rint(draw.normal(0, spread, (batch, layout.shifts, layout.channels)))
    residuals = np.clip(noise, -layout.bound, layout.bound).astype(np.int16)
    return Sequence(order, turns.astype(np.uint8), residuals)


@given(
    tiles=st.lists(st.integers(1, 60), max_size=4),
    pairing=st.sampled_from(["none", "permutation", "tags"]),
    turns=st.booleans(),
    shifts=st.integers(1, 80),
    channels=st.sampled_from([1, 3]),
    bound=st.integers(1, 512),
    spread=st.floats(0, 400),
    seed=st.integers(0, 2**32),
)
def test_round_trip(tiles, pairing, turns, shifts, channels, bound, spread, seed):  # type: ignore[no-untyped-def]
    """Any Sequence of any layout comes back."""
    layout = Layout(tuple(tiles), pairing, 6, turns, shifts, channels, bound)
    before = random_sequence(layout, 2, seed, spread)
    after = decode(encode(before, layout), layout)
    np.testing.assert_array_equal(after.order, before.order)
    np.testing.assert_array_equal(after.turns, before.turns)
    np.testing.assert_array_equal(after.residuals, before.residuals)


def test_permutations_cost_what_they_hold():
    """A permutation of 256 blocks in at most log2(256!) bits and 8 bytes."""
    layout = Layout((256,), "permutation", 6, False, 1, 1, 64)
    sequence = random_sequence(layout, 4, 0, 0)
    for record in encode(sequence, layout):
        assert len(record) <= math.lgamma(257) / math.log(2) / 8 + 8


def test_golden_bytes():
    """These bytes are the format: if this fails, old releases would not restore any more."""
    layout = Layout((5, 4), "permutation", 6, True, 12, 3, 65)
    order = np.array([[3, 0, 4, 1, 2, 2, 0, 3, 1]])
    turns = np.array([[0, 1, 2, 3, 0, 1, 2, 3, 1]], np.uint8)
    residuals = (np.arange(36) * 7 % 11 - 5).reshape(1, 12, 3).astype(np.int16)
    assert [r.hex() for r in encode(Sequence(order, turns, residuals), layout)] == [GOLDEN]
    tags = Layout((6,), "tags", 6, True, 12, 1, 65)
    order = np.arange(12)[None] * 5 % 6
    assert encode(Sequence(order, turns[:, :6], residuals[:, :, :1]), tags)[0].hex() == GOLDEN_TAGS


GOLDEN = "cd5c4ca3029d424dc65b47c2627d555d2447354cd4575c9f"
GOLDEN_TAGS = "9c09f62822798f490bf3c6a5"
