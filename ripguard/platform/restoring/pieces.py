"""The body of an upload, which arrives in pieces of any size, as something that can be read."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterable, Iterable, Iterator
from typing import Any

from ripguard.platform.restoring.limits import Budget
from ripguard.platform.restoring.reasons import Reason, UploadRefused

STEP = 1 << 16  # bytes that are read at once
SHORT = 1 << 10  # bytes


class Pieces:
    """Reads a body from the front to the end. Holds one piece, and what :meth:`start` asked for.

    Args:
        body: the pieces, bytes.
        at_most: most bytes.
        budget: pays one step for each piece and each read of less than :data:`SHORT` bytes. Longer ones are limited by
            ``at_most``; networks cut bodies into pieces of about that size.
        what: name of the body in messages.

    Attributes:
        received: bytes that arrived so far.
    """

    def __init__(self, body: Iterable[bytes], at_most: int, budget: Budget, what: str = "the upload") -> None:
        self._body, self._held, self._at = iter(body), b"", 0
        self.at_most, self.budget, self.what = at_most, budget, what
        self.received = 0

    def start(self, size: int) -> bytes:
        """The next bytes, at most ``size``, which stay to be read."""
        held = [self._held[self._at :]]
        length = len(held[0])
        while length < size and (piece := self._next()):
            held.append(piece)
            length += len(piece)
        self._held, self._at = b"".join(held), 0
        return self._held[:size]

    def read(self, size: int = STEP) -> bytes:
        """The next bytes, at most ``size``; empty at the end."""
        if self._at == len(self._held):
            self._held, self._at = self._next(), 0
        found = self._held[self._at : self._at + size]
        self._at += len(found)
        self._pay(found)
        return found

    def exactly(self, size: int) -> bytes:
        """The next ``size`` bytes; fewer only at the end."""
        found = self.read(size)
        if len(found) == size:
            return found
        parts, left = [found], size - len(found)
        while left and (piece := self.read(left)):
            parts.append(piece)
            left -= len(piece)
        return b"".join(parts)

    def rest(self) -> Iterator[bytes]:
        """All bytes that are left, in pieces of at most :data:`STEP`."""
        while piece := self.read():
            yield piece

    def _next(self) -> bytes:
        """The next piece that is not empty; empty at the end. Raises :class:`UploadRefused` for too many bytes."""
        for piece in self._body:
            self._pay(piece)
            self.received += len(piece)
            if self.received > self.at_most:
                raise UploadRefused(
                    f"{self.what} has more than {self.at_most:,} bytes", "send it in parts", Reason.TOO_MUCH
                )
            if piece:
                return bytes(piece)
        return b""

    def _pay(self, piece: bytes) -> None:
        if len(piece) < SHORT:
            self.budget.spend()


def in_thread(body: AsyncIterable[bytes], loop: asyncio.AbstractEventLoop) -> Iterator[bytes]:
    """The pieces of an asynchronous body, for a thread other than that of its loop.

    The loop fetches a piece only when the thread wants one.

    Args:
        body: the pieces.
        loop: the running loop that ``body`` belongs to. In its own thread this would wait for ever.
    """
    pieces: Any = aiter(body)

    async def following() -> bytes | None:
        return await anext(pieces, None)

    async def end() -> None:
        with contextlib.suppress(Exception):  # nobody waits for what it raises
            await pieces.aclose()

    try:
        while (piece := asyncio.run_coroutine_threadsafe(following(), loop).result()) is not None:
            yield piece
    except GeneratorExit:  # in the middle
        if hasattr(pieces, "aclose") and loop.is_running():
            asyncio.run_coroutine_threadsafe(end(), loop)
        raise
