"""Write one shard: seal the chunks of its files, read the shard back, and commit it.

A shard depends on plan, keys and its own new salt, so shards can be written in any process, in any order, and again. A
second attempt draws a second salt. The commit is written last; a shard without one counts as not written.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ripguard.crypto.backend import Gcm
from ripguard.crypto.keyfile import holds_key
from ripguard.data.scan import looks_like_image
from ripguard.errors import InputRefused, KeyFileError, StorageError, shown
from ripguard.files import NotRegular, open_regular
from ripguard.store.atomic import sha256_file, storage, write_file
from ripguard.store.schema import canonical, digits
from ripguard.vault.chunks import FILES, cipher, seal_chunk
from ripguard.vault.header import shard_name
from ripguard.vault.heads import SHARD_MAGIC, new_head
from ripguard.vault.keys import VaultKeys
from ripguard.vault.places import CHUNK, HEAD, chunks_of, run_in
from ripguard.vault.plan import Plan

SEARCHED = 1 << 14  # bytes: larger files than this are not searched for keys, and images neither
JOINED = 1 << 20  # bytes that are written at once
CHANGED = "repeat the command when no other program writes to the source"


@dataclass(frozen=True)
class Job:
    """Everything that a shard depends on. ``tree`` becomes the vault; ``work`` has the commits until then."""

    plan: Plan
    keys: VaultKeys
    tree: Path
    work: Path

    def commit_path(self, shard: int) -> Path:
        return self.work / "commits" / f"{shard:06d}.json"

    def shard_path(self, shard: int) -> Path:
        return self.tree / shard_name(shard)


def write_shard(job: Job, shard: int) -> int:
    """Write one shard and its commit; returns the number of files that end in it.

    Raises:
        InputRefused: a file changed, vanished, or cannot be read.
        KeyFileError: a file holds a key.
        StorageError: the disk is full, or holds other bytes than were written.
    """
    place, found = job.shard_path(shard), hashlib.sha256()
    write_file(place, _hashed(_joined(_pieces(job, shard)), found))
    if sha256_file(place) != found.hexdigest():
        raise StorageError(f"{place} holds other bytes than were written to it; nothing is published")
    write_file(job.commit_path(shard), canonical({"sha256": found.hexdigest()}))
    return files_ending(job.plan, shard)


def committed(job: Job, shard: int) -> str | None:
    """Hex SHA-256 of a shard that is written and still as it was; None otherwise."""
    digest = commit_of(job, shard)
    try:
        place = job.shard_path(shard)
        same = digest and os.path.getsize(place) == job.plan.length(shard) and sha256_file(place) == digest
    except (OSError, StorageError):
        return None
    return digest if same else None


def commit_of(job: Job, shard: int) -> str | None:
    """The digest in the commit of a shard; None without a valid commit."""
    try:
        digest = json.loads(job.commit_path(shard).read_bytes())["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return digest if digits(32)(digest) else None


def files_ending(plan: Plan, shard: int) -> int:
    """Number of files whose last chunk is in a shard."""
    return sum(_ends(plan, number, shard) for number in plan.files_of(shard))


def _ends(plan: Plan, number: int, shard: int) -> bool:
    size = plan.sizes[number]
    run = run_in(shard, size, plan.shard[number], plan.offset[number], plan.capacity)
    return run is not None and run.first + run.count == chunks_of(size)


def _pieces(job: Job, shard: int) -> Iterator[bytes]:
    """Head, sealed chunks and padding of a shard."""
    plan = job.plan
    head, salt = new_head(SHARD_MAGIC, job.keys.vault_id, shard)
    yield head
    at, ciphers = HEAD, dict[int, Gcm]()
    for number in plan.files_of(shard):
        unit = plan.unit[number]
        if unit not in ciphers:
            ciphers[unit] = cipher(job.keys.unit_secret(unit), FILES, job.keys.vault_id, shard, salt)
        for sealed in _sealed(plan, number, shard, ciphers[unit]):
            at += len(sealed)
            yield sealed
    padding = plan.length(shard) - at
    while padding > 0:
        yield secrets.token_bytes(min(padding, JOINED))
        padding -= JOINED


def _sealed(plan: Plan, number: int, shard: int, own: Gcm) -> Iterator[bytes]:
    """The sealed chunks of a file that belong into a shard."""
    name, size = plan.names[number], plan.sizes[number]
    run = run_in(shard, size, plan.shard[number], plan.offset[number], plan.capacity)
    if run is None:  # a file that ends where the shard before is full
        return
    try:
        handle = open_regular(f"{plan.root}/{name}")
    except NotRegular as error:
        raise InputRefused(f"{shown(name)}: {error.strerror}", CHANGED) from None
    except OSError as error:
        raise InputRefused(f"{shown(name)}: cannot be read: {error.strerror}", "change its permissions") from None
    with storage("cannot read"), open(handle, "rb", 0) as file:
        _refuse_changed(plan, number, handle)
        if run.first:
            file.seek(run.first * CHUNK)
        for chunk in range(run.first, run.first + run.count):
            wanted = min(CHUNK, size - chunk * CHUNK)
            data = _exactly(file.read, wanted)
            if len(data) != wanted:
                raise InputRefused(f"{shown(name)}: it became shorter meanwhile", CHANGED)
            if size <= SEARCHED and not looks_like_image(name) and holds_key(data):
                raise KeyFileError(f"{shown(name)} holds a key", "move it out of the folder: recipients would get it")
            yield seal_chunk(own, number, chunk, size, data)
        if run.first + run.count == chunks_of(size):
            _refuse_changed(plan, number, handle)


def _refuse_changed(plan: Plan, number: int, handle: int) -> None:
    found = os.fstat(handle)
    if found.st_size != plan.sizes[number] or max(0, found.st_mtime_ns) != plan.times[number]:
        raise InputRefused(f"{shown(plan.names[number])}: it changed meanwhile", CHANGED)


def _exactly(read, length: int) -> bytes:  # type: ignore[no-untyped-def]
    """``length`` bytes, fewer only at the end of the file."""
    data = read(length)
    while len(data) < length and (more := read(length - len(data))):
        data += more
    return data


def _joined(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of about a mebibyte: files may be small and many."""
    waiting, length = list[bytes](), 0
    for piece in pieces:
        waiting.append(piece)
        length += len(piece)
        if length >= JOINED:
            yield b"".join(waiting)
            waiting, length = [], 0
    yield b"".join(waiting)


def _hashed(pieces: Iterator[bytes], found: hashlib._Hash) -> Iterator[bytes]:
    for piece in pieces:
        found.update(piece)
        yield piece
