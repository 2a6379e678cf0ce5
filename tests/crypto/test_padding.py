"""Padding: lengths are those of the paper, and only what `pad` gives is read."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ripguard.crypto.padding import BadPadding, pad, padded_length, unpad

HEADS = st.binary(max_size=3)


def padme(length: int) -> int:
    """Algorithm 1 of Nikitin et al. 2019, with its logarithms."""
    exponent = math.floor(math.log2(length))
    size = math.floor(math.log2(exponent)) + 1
    last = exponent - size
    mask = 2**last - 1
    return (length + mask) & ~mask


@given(st.integers(2, 1 << 40))
def test_lengths_are_those_of_the_paper(length):
    assert padded_length(length) == padme(length)


def test_every_small_length():
    assert [padded_length(length) for length in range(10)] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 10]
    for length in range(2, 5000):
        assert padded_length(length) == padme(length)


@given(st.integers(0, 1 << 40), st.integers(0, 1 << 40))
def test_a_padded_length_is_the_next_of_few(one, other):
    one, other = sorted((one, other))
    assert one <= padded_length(one) <= padded_length(other)
    assert padded_length(padded_length(one)) == padded_length(one)
    assert padded_length(one) <= 1.12 * one + 1


def test_a_length_reveals_little():
    assert len({padded_length(length) for length in range(1 << 15, 1 << 16)}) == 17


def test_a_negative_length_is_refused():
    with pytest.raises(ValueError, match="at least 0, got -1"):
        padded_length(-1)


@given(st.binary(max_size=3000), HEADS)
def test_unpad_inverts_pad(data, head):
    padded = pad(data, head)
    assert padded.startswith(head + len(data).to_bytes(4, "big") + data)
    assert len(padded) == padded_length(len(head) + 4 + len(data))
    assert unpad(padded, len(head)) == data


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_data_that_pad_alike_are_equally_long(one, other):
    alike = padded_length(4 + one) == padded_length(4 + other)
    assert alike == (len(pad(bytes(one))) == len(pad(bytes(other))))


@given(st.binary(max_size=300), HEADS, st.data())
def test_no_other_bytes_are_read(data, head, draw):
    padded = pad(data, head)
    longer = padded + bytes(draw.draw(st.integers(1, 40)))
    shorter = padded[: draw.draw(st.integers(0, len(padded) - 1))]
    for wrong in (longer, shorter):
        with pytest.raises(BadPadding):
            unpad(wrong, len(head))
    stop = len(head) + 4 + len(data)
    if stop < len(padded):
        changed = bytearray(padded)
        changed[draw.draw(st.integers(stop, len(padded) - 1))] = draw.draw(st.integers(1, 255))
        with pytest.raises(BadPadding, match="not zero"):
            unpad(bytes(changed), len(head))


def test_a_length_beyond_the_bytes_is_refused():
    for padded in (b"", b"\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\x05abcd"):
        with pytest.raises(BadPadding):
            unpad(padded)
