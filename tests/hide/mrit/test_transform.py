"""The reversible transformation without any bytes: forward, backward, and what the moves may hold."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ripguard.hide.mrit.blocks import from_cells, grid, rotate, rotation_table, to_cells
from ripguard.hide.mrit.pairing import CODES
from ripguard.hide.mrit.predict import limit
from ripguard.hide.mrit.transform import LENGTH, Params, backward, best_turn, forward

pytestmark = pytest.mark.numeric


@given(
    height=st.integers(1, 40), width=st.integers(1, 40), channels=st.sampled_from([1, 3]),
    size=st.integers(1, 32), step=st.integers(1, 128), overflow=st.integers(0, 64),
    pairing=st.sampled_from(sorted(CODES)), tile=st.integers(1, 1024), levels=st.sampled_from([1, 2, 256]),
    seed=st.integers(0, 2**32),
)  # fmt: skip
@example(33, 33, 3, 32, 128, 64, "assignment", 1024, 2, 0)
@example(32, 32, 3, 1, 1, 64, "assignment", 1024, 256, 1)
def test_backward_undoes_forward(height, width, channels, size, step, overflow, pairing, tile, levels, seed):
    """All parameters a header can hold; the moves keep their bounds, or the Sequence could not write them."""
    draw = np.random.default_rng(seed)
    values = np.linspace(0, 255, levels).astype(np.uint8) if levels > 1 else np.full(1, seed % 256, np.uint8)
    clean, carrier = values[draw.integers(0, levels, (2, 2, height, width, channels))]
    params, before = Params(size, step, overflow, pairing, tile), (clean.copy(), carrier.copy())
    temporary, moves = forward(clean, carrier, params)
    np.testing.assert_array_equal(backward(temporary, moves, params), clean)
    np.testing.assert_array_equal((clean, carrier), before)  # the input is left alone
    assert np.abs(moves.shifts).max() <= limit(params)
    assert moves.excess.max() <= overflow
    assert not moves.excess[(temporary != 0) & (temporary != 255)].any()
    assert moves.turns.max(initial=0) <= (3 if size > 1 else 0)
    for start, stop in grid(height, width, size, tile).tiles:
        inside = np.sort(moves.source_of[:, start:stop], axis=1)
        np.testing.assert_array_equal(inside, np.tile(np.arange(stop - start), (2, 1)))


def test_a_puzzle_is_solved():
    """Where the carrier is the clean image's own blocks, shuffled and turned, the result is the carrier."""
    draw, g = np.random.default_rng(0), grid(32, 32, 4, 64)
    clean = draw.integers(0, 256, (1, 32, 32, 3)).astype(np.uint8)
    shuffled = to_cells(clean, g)[:, draw.permutation(64)]
    carrier = from_cells(rotate(shuffled, draw.integers(0, 4, (1, 64))), g)
    temporary, moves = forward(clean, carrier, Params(size=4, tile=64))
    np.testing.assert_array_equal(temporary, carrier)
    assert not moves.shifts.any()


def test_means_follow_the_carrier():
    """Mid-gray images have room to shift: every cell's mean ends within half a step of the carrier's."""
    draw = np.random.default_rng(0)
    clean, carrier = draw.integers(100, 156, (2, 3, 13, 21, 3)).astype(np.uint8)
    params = Params(size=4, step=8)
    temporary, _ = forward(clean, carrier, params)
    g = grid(13, 21, 4, params.tile)
    for one, two in zip(to_cells(temporary, g)[:, g.full], to_cells(carrier, g)[:, g.full]):
        assert np.abs(one.mean((1, 2)) - two.mean((1, 2))).max() <= 4


def test_the_turn_is_the_best_of_four():
    """Least squared error of the four; 0 where all are equal."""
    draw = np.random.default_rng(0)
    blocks, target = draw.integers(0, 256, (2, 3, 20, 3, 3, 3)).astype(np.int16)
    blocks[0, 0] = target[0, 1] = 7
    turns = best_turn(blocks, target)
    errors = [((rotate(blocks, np.full((3, 20), k)).astype(int) - target) ** 2).sum((2, 3, 4)) for k in range(4)]
    np.testing.assert_array_equal(turns, np.argmin(errors, axis=0))
    assert turns[0, :2].tolist() == [0, 0]
    assert len(rotation_table(3)) == 4


@pytest.mark.parametrize("pairing", sorted(CODES))
def test_a_image_is_moved_alike_alone_and_in_a_batch(clean, carrier, pairing):
    """Nothing depends on the neighbours."""
    params = Params(size=3, pairing=pairing, overflow=2)
    together, moves = forward(clean[:5], carrier[:5], params)
    for i in range(5):
        alone, own = forward(clean[i : i + 1], carrier[i : i + 1], params)
        np.testing.assert_array_equal(alone[0], together[i])
        for field in ("source_of", "turns", "shifts", "excess"):
            np.testing.assert_array_equal(getattr(own, field)[0], getattr(moves, field)[i])


def test_edge_cells_are_shifted_only():
    """Right and lower edges that blocks do not fill: each sample differs from its own by whole steps."""
    draw = np.random.default_rng(0)
    clean, carrier = draw.integers(0, 256, (2, 1, 11, 14, 3)).astype(np.uint8)
    temporary, _ = forward(clean, carrier, Params(size=4, step=5))
    difference = temporary.astype(int) - clean
    assert not (difference[:, 8:] % 5).any()
    assert not (difference[:, :, 12:] % 5).any()


def test_shifts_never_cut_off_more_than_allowed():
    """Saturated images and carriers far away: at most T gray levels are lost to clipping, and they are recorded."""
    draw = np.random.default_rng(0)
    clean = np.where(draw.random((4, 16, 16, 3)) < 0.5, 0, draw.integers(0, 256, (4, 16, 16, 3))).astype(np.uint8)
    for overflow in (0, 5):
        params = Params(step=3, overflow=overflow)
        made, moves = forward(clean, np.full_like(clean, 255), params)
        assert moves.excess.max() <= overflow
        np.testing.assert_array_equal(backward(made, moves, params), clean)


def test_params_are_bounded():
    """Each parameter outside its bounds is refused by name."""
    for name, value in (("size", 33), ("step", 0), ("overflow", -1), ("tile", 2000), ("pairing", "best")):
        with pytest.raises(ValueError, match=name):
            dataclasses.replace(Params(), **{name: value})
    assert LENGTH == 36
