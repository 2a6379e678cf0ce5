"""A body in pieces: read as it is, whatever their sizes; limits; bodies of an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ripguard.platform.restoring.limits import Budget
from ripguard.platform.restoring.pieces import Pieces, in_thread
from ripguard.platform.restoring.reasons import Reason, UploadRefused


@given(
    st.lists(st.binary(max_size=30)),
    st.lists(st.tuples(st.sampled_from(["start", "read", "exactly"]), st.integers(1, 40))),
)
def test_any_way_to_read(body, calls):  # type: ignore[no-untyped-def]
    """The same bytes in the same order; what was only looked at stays."""
    whole, pieces, at = b"".join(body), Pieces(body, 10_000, Budget()), 0
    for kind, size in calls:
        found = getattr(pieces, kind)(size)
        if kind == "read":
            assert whole.startswith(found, at)
            assert bool(found) == (at < len(whole))
        else:
            assert found == whole[at : at + size]
        at += 0 if kind == "start" else len(found)
    assert b"".join(pieces.rest()) == whole[at:]
    assert pieces.received == len(whole)


def test_one_byte_too_many():
    assert Pieces([b"12", b"34"], 4, Budget()).exactly(9) == b"1234"
    pieces = Pieces([b"12", b"34", b"5"], 4, Budget())
    assert pieces.exactly(4) == b"1234"
    with pytest.raises(UploadRefused, match="more than 4 bytes") as caught:
        pieces.read()
    assert caught.value.reason is Reason.TOO_MUCH


def endless() -> Iterator[bytes]:
    while True:
        yield b""


def test_tiny_and_empty_pieces_cost_steps():
    """A body that goes on for ever without a byte ends too."""
    for body in (endless(), [b"x"] * 101):
        with pytest.raises(UploadRefused) as caught:
            Pieces(body, 1000, Budget(100)).exactly(1000)
        assert caught.value.reason is Reason.STEPS


def test_longer_pieces_cost_none():
    """As networks cut them: a large upload must not fail for them."""
    pieces = Pieces([bytes(1024)] * 500, 1 << 20, Budget(3))
    assert len(pieces.exactly(512_000)) == 512_000


class Loop:
    """An event loop in a thread of its own."""

    def __enter__(self) -> asyncio.AbstractEventLoop:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        return self.loop

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        for task in asyncio.all_tasks(self.loop):
            self.loop.run_until_complete(task)
        self.loop.close()


def test_a_body_of_an_event_loop():
    """Fetched only as it is read; its errors arrive; closing it closes the body."""
    fetched, closed = list[int](), threading.Event()

    async def body(count: int) -> AsyncIterator[bytes]:
        try:
            for number in range(count):
                fetched.append(number)
                await asyncio.sleep(0)
                yield bytes([number])
            raise ConnectionResetError("gone")
        finally:
            closed.set()

    with Loop() as loop:
        pieces = in_thread(body(100), loop)
        assert [next(pieces), next(pieces)] == [b"\0", b"\1"]
        assert fetched == [0, 1]
        pieces.close()  # type: ignore[attr-defined]
        assert closed.wait(60)
        pieces = in_thread(body(1), loop)
        assert next(pieces) == b"\0"
        with pytest.raises(ConnectionResetError):
            next(pieces)


def test_an_asynchronous_body_that_ends():
    async def body() -> AsyncIterator[bytes]:
        yield b"ab"
        yield b""
        yield b"c"

    with Loop() as loop:
        assert Pieces(in_thread(body(), loop), 10, Budget()).exactly(10) == b"abc"
