"""Messages come back as they were sent; anything else is refused before memory is taken for it."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ripguard.platform.restoring.messages import LENGTHS, Broken, packed, received


def sent(head: object, rest: int, more: bytes = b"") -> io.BytesIO:
    text = json.dumps(head).encode()
    return io.BytesIO(LENGTHS.pack(len(text), rest) + text + more)


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5)), st.lists(st.binary(max_size=50)))
def test_there_and_back(head, parts):  # type: ignore[no-untyped-def]
    head.pop("lengths", None)
    stream = io.BytesIO(b"".join(packed(head, parts)) + b"more")
    assert received(stream.read, 10_000) == (head, parts)
    assert stream.read() == b"more"


@pytest.mark.parametrize(
    ("head", "rest"),
    [([], 0), ({}, 0), ({"lengths": 3}, 0), ({"lengths": [1]}, 2), ({"lengths": [-1, 2]}, 1), ({"lengths": ["1"]}, 1),
     ({"lengths": [True]}, 1), ({"lengths": [0.5, 0.5]}, 1), ({"lengths": []}, 1), ("x", 0)],
)  # fmt: skip
def test_no_message(head, rest):  # type: ignore[no-untyped-def]
    with pytest.raises(Broken):
        received(sent(head, rest, bytes(9)).read, 100)


def test_lengths_are_limited_before_anything_is_read():
    asked = []

    def read(size: int) -> bytes:
        asked.append(size)
        return LENGTHS.pack(1 << 31, 0) if len(asked) == 1 else b""

    with pytest.raises(Broken, match="too large"):
        received(read, 100)
    assert asked == [LENGTHS.size]
    with pytest.raises(Broken, match="too large"):
        received(sent({"lengths": [101]}, 101, bytes(101)).read, 100)
    deep = b"[" * 100_000
    with pytest.raises(Broken):
        received(io.BytesIO(LENGTHS.pack(len(deep), 0) + deep).read, 100)
