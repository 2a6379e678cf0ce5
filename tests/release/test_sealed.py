"""Sealed parts come back; what their author did not write by the format is damaged, and costs no memory."""

from __future__ import annotations

import tracemalloc
import zlib
from types import SimpleNamespace

import pytest

from ripguard.crypto.aead import seal
from ripguard.crypto.padding import pad, padded_length
from ripguard.errors import Damaged, InputRefused
from ripguard.release import sealed

KEY, BOUND, DATA = bytes(range(64)), b"bound", b"the content of a part " * 50


def opened(data: bytes, at_most: int = 1 << 20, key: bytes = KEY, bound: bytes = BOUND) -> bytes:
    return sealed.open_part(key, bound, data, at_most, "names/0 in r")


def test_round_trip():
    for data in (b"", b"x", DATA):
        made = sealed.seal_part(KEY, BOUND, data)
        assert opened(made, len(data)) == data
        assert len(made) == 16 + padded_length(4 + len(zlib.compress(data, 9)))
    assert DATA not in made


STREAM = zlib.compress(DATA, 9)
WRONG = {
    "too long": sealed.seal_part(KEY, BOUND, bytes((1 << 20) + 1)),
    "no stream": seal(KEY, BOUND, pad(b"junk")),
    "cut stream": seal(KEY, BOUND, pad(STREAM[:-1])),
    "more after the stream": seal(KEY, BOUND, pad(STREAM + b"x")),
    "no padding": seal(KEY, BOUND, STREAM),
    "other padding": seal(KEY, BOUND, pad(STREAM)[:-1] + b"x"),
    "not sealed": bytes(100),
    "empty": b"",
}


@pytest.mark.parametrize("how", WRONG)
def test_what_is_no_part(how):
    with pytest.raises(Damaged, match="names/0 in r is damaged"):
        opened(WRONG[how])


def test_another_place_or_key():
    made = sealed.seal_part(KEY, BOUND, DATA)
    for more in ({"bound": b"other"}, {"key": KEY[::-1]}):
        with pytest.raises(Damaged):
            opened(made, **more)  # type: ignore[arg-type]
    release = b"12345678"
    bounds = [sealed.names_bound(release, 0), sealed.names_bound(release, 1), sealed.names_bound(b"87654321", 0),
              sealed.original_bound(release, 0), sealed.original_bound(release, 1), sealed.private_bound(release),
              ]  # fmt: skip
    assert len(set(bounds)) == len(bounds)


def test_a_bomb_costs_nothing():
    bomb = sealed.seal_part(KEY, BOUND, bytes(100 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(Damaged):
            opened(bomb, 1000)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_names_that_do_not_fit(monkeypatch):  # type: ignore[no-untyped-def]
    """What a reader would refuse is refused before any work; names that stay as they are take no room."""
    images = [SimpleNamespace(name="a" * 50 + ".jpg", out="a.png", unit=unit) for unit in (0, 1, 1)]
    images += [SimpleNamespace(name="x", out="x", unit=1)] * 100
    plan = SimpleNamespace(units=[("train", "a"), ("train", "b")], images=images)
    sealed.refuse_long_names(plan)  # type: ignore[arg-type]
    monkeypatch.setattr(sealed, "MOST_NAMES", 500)
    with pytest.raises(InputRefused, match="train/b has too many images"):
        sealed.refuse_long_names(plan)  # type: ignore[arg-type]
