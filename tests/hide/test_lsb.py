"""Low-bit replacement, against a bit-by-bit reading of its description."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ripguard.hide import lsb


def slow_read(image: np.ndarray, length: int) -> bytes:
    """Bit i stands in plane i // samples at sample i % samples, highest bit of a byte first."""
    flat, result = image.reshape(-1), bytearray(length)
    for i in range(8 * length):
        result[i // 8] |= (int(flat[i % flat.size]) >> i // flat.size & 1) << 7 - i % 8
    return bytes(result)


@given(st.integers(1, 7), st.integers(1, 7), st.sampled_from([1, 3]), st.integers(0, 2**32), st.data())
def test_positions_are_as_described(height, width, channels, seed, data):
    """Every payload bit stands where the format says, and no other bit of the image changes."""
    draw = np.random.default_rng(seed)
    images = draw.integers(0, 256, (3, height, width, channels)).astype(np.uint8)
    most = lsb.capacity(images[0].size, 4)
    payloads = [draw.bytes(data.draw(st.integers(0, most))) for _ in images]
    before = images.copy()
    written, overwritten = lsb.replace(images, payloads)
    np.testing.assert_array_equal(images, before)  # the input is left alone
    cleared = lsb.clear(written, np.array([len(p) for p in payloads]))
    for old, new, zero, payload, kept in zip(images, written, cleared, payloads, overwritten):
        assert slow_read(new, len(payload)) == payload
        assert slow_read(old, len(payload)) == kept
        start = min(len(payload), lsb.capacity(old.size, 1))
        assert lsb.first(new, start) == payload[:start]
        bits, size = 8 * len(payload), old.size
        touched = sum((np.arange(size) + plane * size < bits).astype(int) << plane for plane in range(4))
        assert not ((old ^ new).reshape(-1) & ~touched).any()
        np.testing.assert_array_equal(zero.reshape(-1), new.reshape(-1) & ~touched)


def test_neighbours_in_a_batch_do_not_matter():
    """An image gets the same bits alone and beside images with longer and empty payloads."""
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (4, 6, 5, 3)).astype(np.uint8)
    payloads = [draw.bytes(n) for n in (11, 45, 0, 23)]
    together, kept = lsb.replace(images, payloads)
    for i, payload in enumerate(payloads):
        alone, own = lsb.replace(images[i : i + 1], [payload])
        np.testing.assert_array_equal(alone[0], together[i])
        assert own == [kept[i]]


@pytest.mark.parametrize("samples", [1, 7, 8, 9, 300, 3072])
def test_capacity_and_planes_agree(samples):
    """What fits into p planes reaches into at most p of them, and one byte more does not fit."""
    for planes in range(5):
        most = lsb.capacity(samples, planes)
        assert lsb.planes_for(samples, most) <= planes
        assert lsb.planes_for(samples, most + 1) > planes


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
