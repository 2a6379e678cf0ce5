"""The parts of hiding, one by one: header, low bits, blocks, pairing rules, transformation."""

from __future__ import annotations

import dataclasses
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ripguard.hide import lsb
from ripguard.hide.header import COMMON, BadHeader, Header
from ripguard.hide.mrit.blocks import cell_sums, from_cells, grid, rotate, to_cells
from ripguard.hide.mrit.pairing import CODES, RULES, from_tags
from ripguard.hide.mrit.transform import LENGTH, Params, backward, forward

HEADER = Header(b"k" * 8, b"d" * 8, 3, 70000, 2, False, False, 460, Params())


def test_header_golden_bytes():
    """These 36 bytes are the format."""
    wanted = "72670101" + "6b" * 8 + "64" * 8 + "000300011170020001cc020800030080"
    assert HEADER.pack().hex() == wanted
    assert Header.unpack(HEADER.pack()) == HEADER


@given(
    st.integers(0, 65535), st.integers(0, 2**32 - 1), st.integers(0, 4), st.integers(0, 2**24 - 1),
    st.integers(1, 32), st.integers(1, 128), st.integers(0, 64), st.sampled_from(sorted(CODES)), st.integers(1, 1024),
)  # fmt: skip
def test_headers_round_trip(unit, index, planes, length, size, step, overflow, code, tile):  # type: ignore[no-untyped-def]
    """Any header within bounds."""
    header = Header(
        b"k" * 8,
        b"d" * 8,
        unit,
        index,
        planes,
        False,
        planes % 2 == 1,
        length,
        Params(size, step, overflow, code, tile),
    )
    assert Header.unpack(header.pack()) == header


def test_only_canonical_headers_are_read():
    """Every value out of bounds, contradicting flags, other versions and methods, other lengths."""
    layout = struct.Struct(COMMON.format + Params.layout.format[1:])
    fields = list(layout.unpack(HEADER.pack()))
    wrong = {
        0: [b"rh", b"\0\0"], 1: [2, 255], 2: [0, 2], 7: [5, 15, 0x82, 0xC2, 0x32, 0x10],
        9: [0, 33], 10: [0, 129], 11: [65], 12: [5, 255], 13: [0, 1025],
    }  # fmt: skip
    for place, values in wrong.items():
        for value in values:
            changed = fields[:place] + [value] + fields[place + 1 :]
            with pytest.raises(BadHeader):
                Header.unpack(layout.pack(*changed))
    for data in (b"", HEADER.pack()[:-1], HEADER.pack() + b"\0"):
        with pytest.raises(BadHeader):
            Header.unpack(data)


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3]), st.data())
def test_low_bits(height, width, channels, data):  # type: ignore[no-untyped-def]
    """What is written is read; only its positions change; the overwritten bits bring the image back."""
    draw = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    images = draw.integers(0, 256, (2, height, width, channels)).astype(np.uint8)
    most = lsb.capacity(images[0].size, 4)
    payloads = [draw.bytes(data.draw(st.integers(0, most))) for _ in images]
    lengths = np.array([len(p) for p in payloads])
    written, overwritten = lsb.replace(images, payloads)
    assert lsb.read(written, lengths) == payloads
    assert [len(o) for o in overwritten] == lengths.tolist()
    np.testing.assert_array_equal(lsb.replace(written, overwritten)[0], images)
    np.testing.assert_array_equal(lsb.clear(written, lengths), lsb.clear(images, lengths))
    changed = (written ^ images).reshape(2, -1)
    for one, length in zip(changed, lengths):
        planes = lsb.planes_for(one.size, int(length))
        assert not (one >> planes).any()


def test_first_bit_is_the_first_sample():
    """Bit 0 of the payload is the highest bit of its first byte, in the lowest plane of sample 0."""
    image = np.zeros((1, 1, 16, 1), np.uint8)
    written, _ = lsb.replace(image, [b"\x80\x01\x40"])
    assert np.flatnonzero(written & 1).tolist() == [0, 15]
    assert np.flatnonzero(written & 2).tolist() == [1]


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 9), st.integers(1, 50), st.sampled_from([1, 3]))
def test_cells(height, width, size, tile, channels):  # type: ignore[no-untyped-def]
    """Cutting and joining; sums of real pixels only; tiles cover the full cells in near equal runs."""
    images = np.random.default_rng(0).integers(0, 256, (2, height, width, channels)).astype(np.uint8)
    g = grid(height, width, size, tile)
    cells = to_cells(images, g)
    np.testing.assert_array_equal(from_cells(cells, g), images)
    assert cell_sums(images, g).sum() == images.astype(int).sum()
    assert g.counts.sum() == height * width
    assert len(g.full) == (height // size) * (width // size)
    lengths = [b - a for a, b in g.tiles]
    assert sum(lengths) == len(g.full)
    assert not lengths or (max(lengths) <= tile and max(lengths) - min(lengths) <= 1)


def test_four_turns_are_none():
    """A turn and its opposite; four quarter turns."""
    draw = np.random.default_rng(0)
    blocks, quarter = draw.integers(0, 256, (2, 5, 3, 3, 3)), draw.integers(0, 4, (2, 5))
    np.testing.assert_array_equal(rotate(rotate(blocks, quarter), (4 - quarter) % 4), blocks)
    np.testing.assert_array_equal(rotate(blocks, np.ones((2, 5), int))[0, 0], np.rot90(blocks[0, 0]))


@pytest.mark.parametrize("name", sorted(CODES))
def test_pairings_are_permutations(name):  # type: ignore[no-untyped-def]
    """Every rule uses every source block once."""
    draw = np.random.default_rng(0)
    source, target = (draw.integers(0, 256, (3, 20, 4, 3)).astype(np.int64) for _ in range(2))
    found = RULES[CODES[name]][1](source, target)
    np.testing.assert_array_equal(np.sort(found, axis=1), np.broadcast_to(np.arange(20), (3, 20)))


def test_the_assignment_is_best(clean, carrier):  # type: ignore[no-untyped-def]
    """Closer to the carrier than SD rank, and that closer than SD classes or blocks left in place, in mean square."""
    errors = {}
    for name in CODES:
        made, _ = forward(clean, carrier, Params(pairing=name, step=1, tile=256))
        errors[name] = ((made.astype(int) - carrier) ** 2).mean()
    assert errors["assignment"] < errors["sd-rank"]
    assert errors["assignment"] < errors["sd-classes"]


def test_class_tags_pair_in_raster_order():
    """The j-th source of a class goes to its j-th place."""
    source, target = np.array([[0, 1, 0, 1]]), np.array([[1, 0, 1, 0]])
    assert from_tags(source, target).tolist() == [[1, 0, 3, 2]]


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
