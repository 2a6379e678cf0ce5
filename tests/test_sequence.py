"""The Sequence coder: exact, compact, and the same bytes for ever."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ripguard import sequence as sequence_
from ripguard.sequence import BadSequence, Layout, Sequence, decode, encode, runs


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


@pytest.mark.parametrize("pairing", ["none", "permutation", "tags"])
@pytest.mark.parametrize("end", [0, 1])
@pytest.mark.parametrize("blocks", [(), (1,), (1, 1, 1), (2,), (300, 299), (1024,)])
def test_extreme_symbols_come_back(pairing, end, blocks):  # type: ignore[no-untyped-def]
    """Only the lowest or only the highest symbols, at the largest bound that parameters allow, and tiles of 1024."""
    layout = Layout(blocks, pairing, 6, True, max(1, sum(blocks)), 3, 640)
    count = layout.blocks
    order = {
        "none": np.zeros((1, 0), np.int64),
        "tags": np.full((1, 2 * count), 5 * end),
        "permutation": np.concatenate([np.arange(b)[:: -1 if end else 1] for b in blocks] or [[]])[None].astype(int),
    }[pairing]
    turns = np.full((1, count), 3 * end, np.uint8)
    residuals = np.full((1, layout.shifts, 3), 640 if end else -640, np.int16)
    after = decode(encode(Sequence(order, turns, residuals), layout), layout)
    np.testing.assert_array_equal(after.order, order)
    np.testing.assert_array_equal(after.turns, turns)
    np.testing.assert_array_equal(after.residuals, residuals)


def test_all_permutations_of_five():
    """Each of the 120 comes back, and no two share their bytes."""
    orders = np.array(list(itertools.permutations(range(5))))
    layout = Layout((5,), "permutation", 6, False, 1, 1, 8)
    records = encode(Sequence(orders, np.zeros((120, 5), np.uint8), np.zeros((120, 1, 1), np.int16)), layout)
    assert len(set(records)) == 120
    np.testing.assert_array_equal(decode(records, layout).order, orders)


def test_neighbours_in_a_batch_do_not_matter():
    """A Sequence has the same bytes alone and in a batch."""
    layout = Layout((30, 29), "permutation", 6, True, 70, 3, 66)
    batch = random_sequence(layout, 6, 1, 3.0)
    alone = [Sequence(*(getattr(batch, f)[i : i + 1] for f in ("order", "turns", "residuals"))) for i in range(6)]
    assert [encode(one, layout)[0] for one in alone] == encode(batch, layout)


@pytest.mark.parametrize("spread", [0.5, 2.0, 8.0, 20.0])
def test_residuals_cost_what_they_hold(spread):  # type: ignore[no-untyped-def]
    """Shifts at most 5 % and 8 bytes over the entropy of their own histogram, in the range of photographs."""
    layout = Layout((), "none", 6, False, 6000, 1, 640)
    sequence = random_sequence(layout, 1, 0, spread)
    share = np.unique(sequence.residuals, return_counts=True)[1] / 6000
    entropy = -(share * np.log2(share)).sum() * 6000 / 8
    assert len(encode(sequence, layout)[0]) <= 1.05 * entropy + 8


@given(
    data=st.binary(max_size=120),
    tiles=st.lists(st.integers(1, 60), max_size=4),
    pairing=st.sampled_from(["none", "permutation", "tags"]),
    shifts=st.integers(1, 80),
)
def test_garbage_is_a_sequence_or_refused(data, tiles, pairing, shifts):  # type: ignore[no-untyped-def]
    """Of the layout that was asked for; what the range coder cannot read is no assertion of its library."""
    layout = Layout(tuple(tiles), pairing, 6, True, shifts, 3, 65)
    try:
        found = decode([data], layout)
    except BadSequence:
        return
    assert np.abs(found.residuals).max() <= 65
    assert found.turns.max(initial=0) < 4
    start = 0
    for tile in tiles if pairing == "permutation" else []:
        assert sorted(found.order[0, start : start + tile]) == list(range(tile))
        start += tile


def test_garbage_that_is_noticed():
    """Bytes that stand beyond every symbol's share."""
    with pytest.raises(BadSequence):
        decode([b"\xff" * 100], Layout((128, 128), "permutation", 6, True, 256, 3, 66))


def test_tiles_are_written_out_together(monkeypatch):  # type: ignore[no-untyped-def]
    """Tiles of one size cost one pass for a thousand of them, however large and however many."""
    calls, written_out = [], sequence_._unlehmer
    monkeypatch.setattr(sequence_, "_unlehmer", lambda codes: calls.append(len(codes)) or written_out(codes))
    layout = Layout((9,) * 700 + (8,) * 900, "permutation", 6, False, 1, 1, 8)
    before = random_sequence(layout, 2, 0, 1.0)
    after = decode(encode(before, layout), layout)
    np.testing.assert_array_equal(after.order, before.order)
    assert calls == [1400, 1024, 376, 1800, 1024, 776]
    assert runs(layout.tiles) == [(9, 700), (8, 900)]
