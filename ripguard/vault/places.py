"""Where the chunks of a file stand: sealed chunks one after the other, through shards of bounded size.

A file is cut into chunks of 64 KiB; its last one may be shorter. Sealed chunks fill a shard from its head on. A chunk
never lies in two shards: where the next one does not fit, it stands at the beginning of the next shard. So a file of
any size fits, no shard is larger than the capacity, and three numbers give the place of every chunk of a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ripguard.crypto.backend import TAG

CHUNK = 1 << 16  # bytes of plaintext
SEALED = CHUNK + TAG
HEAD = 64  # bytes before the chunks of a shard; see ripguard.vault.heads
LEAST, MOST = 1 << 18, 1 << 36  # bytes of a capacity
MOST_SIZE = 1 << 46  # bytes of a file: a billion chunks


@dataclass(frozen=True, slots=True)
class Run:
    """Chunks of a file that stand side by side.

    Attributes:
        shard: number of the shard.
        offset: of the first sealed chunk in the shard, in bytes.
        first, count: numbers of the chunks.
        length: sealed bytes.
    """

    shard: int
    offset: int
    first: int
    count: int
    length: int


def chunks_of(size: int) -> int:
    """Number of chunks of a file; an empty file has one, which is empty."""
    return max(1, -(-size // CHUNK))


def sealed_size(size: int) -> int:
    """Bytes of all sealed chunks of a file."""
    return size + TAG * chunks_of(size)


def plain_size(sealed: int) -> int:
    """Inverse of :func:`sealed_size`; negative for a length that no file has."""
    return sealed - TAG * max(1, -(-sealed // SEALED))


def first_place(size: int, shard: int, offset: int, capacity: int) -> tuple[int, int]:
    """Shard and offset of the first chunk of a file, if the bytes before ``offset`` are taken."""
    needed = min(sealed_size(size), SEALED)
    return (shard, offset) if offset + needed <= capacity else (shard + 1, HEAD)


def run_in(wanted: int, size: int, shard: int, offset: int, capacity: int) -> Run | None:
    """The run of a file in shard ``wanted``; None if it has none there.

    In a file of several chunks, the last one stands only where a full one would fit.
    """
    chunks = chunks_of(size)
    own = 1 if chunks == 1 else min(chunks, (capacity - offset) // SEALED)
    if wanted == shard:
        first, count = 0, own
    else:
        each = (capacity - HEAD) // SEALED
        first, offset = own + (wanted - shard - 1) * each, HEAD
        count = min(each, chunks - first)
        if wanted < shard or count <= 0:
            return None
    plain = CHUNK * count if first + count < chunks else size - CHUNK * first
    return Run(wanted, offset, first, count, plain + TAG * count)


def runs(size: int, shard: int, offset: int, capacity: int) -> Iterator[Run]:
    """All runs of a file whose first chunk stands at ``offset`` of ``shard``."""
    wanted = shard
    while run := run_in(wanted, size, shard, offset, capacity):
        yield run
        wanted += 1


def place_of(chunk: int, size: int, shard: int, offset: int, capacity: int) -> tuple[int, int]:
    """Shard and offset of one chunk of a file."""
    own = (capacity - offset) // SEALED
    if chunk < own or chunks_of(size) == 1:
        return shard, offset + chunk * SEALED
    further, place = divmod(chunk - own, (capacity - HEAD) // SEALED)
    return shard + 1 + further, HEAD + place * SEALED


def end_of(size: int, shard: int, offset: int, capacity: int) -> tuple[int, int]:
    """Shard and offset of the first byte behind a file."""
    last = chunks_of(size) - 1
    where, start = place_of(last, size, shard, offset, capacity)
    return where, start + size - CHUNK * last + TAG
