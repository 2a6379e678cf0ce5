"""Bodies of any length: an upload into a temporary file without a name, an archive out of an iterator.

The upload is read to its end before the answer begins: a client that sends everything before it reads would otherwise
wait for a server that waits for it. What is restored is never written to a file here.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from typing import IO

import anyio
from fastapi import Request
from starlette.exceptions import HTTPException

from ripguard.platform.callers import Caller
from ripguard.platform.http.state import State
from ripguard.platform.restoring.pieces import STEP
from ripguard.store.atomic import storage

HELD = 1 << 20  # bytes in memory, before they are written to the file
TOO_LARGE = "the body is too large"


def refuse_large(request: Request, most: int) -> None:
    """Refuse a body by its declared length, before it is read."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most:
        raise HTTPException(413, TOO_LARGE)


async def received(request: Request, state: State, most: int, caller: Caller | None = None) -> IO[bytes]:
    """The body in a file without a name, at its start. The caller closes it.

    Args:
        caller: whose bytes of the day are counted; None: they are not.

    Raises:
        LimitReached: the account has sent too much today.
        HTTPException: 413, more than ``most`` bytes; declared or not.
        StorageError: it cannot be written.
    """
    refuse_large(request, most)
    with storage("cannot write a temporary file"):
        file: IO[bytes] = tempfile.TemporaryFile(dir=state.folder)  # noqa: SIM115 - closed below, or by the caller
    try:
        held, size = bytearray(), 0
        async for piece in request.stream():
            held += piece
            size += len(piece)
            if size > most:
                raise HTTPException(413, TOO_LARGE)
            if len(held) >= HELD:
                await anyio.to_thread.run_sync(_write, file, bytes(held))
                held.clear()
        await anyio.to_thread.run_sync(_write, file, bytes(held))
        if caller is not None:
            await anyio.to_thread.run_sync(state.platform.count_upload, caller, size)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def pieces_of(file: IO[bytes]) -> Iterator[bytes]:
    """The bytes of a file from where it stands; it is closed at the end."""
    with file:
        while piece := file.read(STEP):
            yield piece


async def sent(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces of a body, made in threads; the iterator is closed however this ends."""
    try:
        while piece := await anyio.to_thread.run_sync(_gathered, pieces):
            yield piece
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(pieces.close)  # type: ignore[attr-defined]


def _write(file: IO[bytes], data: bytes) -> None:
    with storage("cannot write a temporary file"):
        file.write(data)
        file.flush()


def _gathered(pieces: Iterator[bytes]) -> bytes:
    """The next pieces, about :data:`STEP` bytes; empty at the end."""
    found = bytearray()
    for piece in pieces:
        found += piece
        if len(found) >= STEP:
            break
    return bytes(found)
