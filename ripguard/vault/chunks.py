"""Sealed chunks: AES-256-GCM with counters for nonces, the STREAM construction.

Hoang, Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", CRYPTO
2015, section 7; ``age`` uses it with ChaCha20-Poly1305. The nonce has the number of the file, the number of the chunk
and a flag for the last chunk; the size of the file is associated data. So no chunk can be moved, repeated, left out or
cut off. Each attempt to write a shard draws a salt of 32 bytes, from which its keys are derived: no nonce comes twice
under one key, whatever is killed, resumed or changed in between.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from ripguard.crypto.aead import length_prefixed
from ripguard.crypto.backend import Forged, Gcm, gcm, hkdf
from ripguard.crypto.keys import FORMAT_SALT
from ripguard.vault.places import CHUNK, SEALED, chunks_of, plain_size

SALT = 32  # bytes
FORMAT = b"ripguard-vault/v1"
FILES, INDEX = b"files", b"index"  # purposes of keys
_NONCE = struct.Struct(">IxxxIB").pack
_SIZE = struct.Struct(">Q").pack


class ChunkForged(Exception):
    """A chunk was changed, or belongs elsewhere. ``args[0]`` is its number in the file."""


def cipher(secret: bytes, purpose: bytes, vault_id: bytes, shard: int, salt: bytes) -> Gcm:
    """The cipher of one unit in one shard, or of an index.

    Args:
        secret: 32 bytes, of the unit or of the vault.
        purpose: :data:`FILES` or :data:`INDEX`.
    """
    info = length_prefixed(b"vault " + purpose, vault_id, struct.pack(">I", shard), salt)
    return gcm(hkdf(secret, FORMAT_SALT, info, 32))


def bound(size: int) -> bytes:
    """Associated data of all chunks of a file of ``size`` bytes."""
    return FORMAT + _SIZE(size)


def seal_chunk(own: Gcm, number: int, chunk: int, size: int, data: bytes) -> bytes:
    """One sealed chunk: ciphertext and tag.

    Args:
        number: of the file in the vault; chunk: of the chunk in the file.
        size: of the file, in bytes.
    """
    return own.seal(_NONCE(number, chunk, chunk == chunks_of(size) - 1), bound(size), data)


def open_single(own: Gcm, number: int, size: int, sealed: bytes) -> bytes:
    """The plaintext of a file of one chunk: the usual case of images, without a loop. Raises :class:`ChunkForged`."""
    try:
        return own.open(_NONCE(number, 0, 1), FORMAT + _SIZE(size), sealed)
    except Forged:
        raise ChunkForged(0) from None


def open_chunks(own: Gcm, number: int, first: int, size: int, sealed: bytes | memoryview) -> Iterator[bytes]:
    """The plaintexts of chunks that stand side by side, each after its tag was verified.

    Args:
        first: number of the first of them.

    Raises:
        ChunkForged: a chunk is not the one that stood here.
    """
    view, associated, last = memoryview(sealed), bound(size), chunks_of(size) - 1
    for chunk, start in enumerate(range(0, len(view), SEALED), first):
        try:
            yield own.open(_NONCE(number, chunk, chunk == last), associated, view[start : start + SEALED])
        except Forged:
            raise ChunkForged(chunk) from None


def seal_whole(own: Gcm, number: int, data: bytes) -> bytes:
    """All chunks of bytes in memory, one after the other."""
    count = chunks_of(len(data))
    pieces = (data[CHUNK * i : CHUNK * (i + 1)] for i in range(count))
    return b"".join(seal_chunk(own, number, i, len(data), piece) for i, piece in enumerate(pieces))


def open_whole(own: Gcm, number: int, sealed: bytes) -> bytes:
    """Inverse of :func:`seal_whole`. Raises :class:`ChunkForged`."""
    size = plain_size(len(sealed))
    if size < 0:
        raise ChunkForged(0)
    return b"".join(open_chunks(own, number, 0, size, sealed))
