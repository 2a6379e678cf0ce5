"""The first 64 bytes of a shard or of the index: magic, vault id, number, salt. They are public.

They tell what a file is, so that a message can name what happened to it. Nothing depends on them but the keys of the
chunks behind them: a changed head opens no chunk.
"""

from __future__ import annotations

import secrets
import struct

from ripguard.errors import Damaged
from ripguard.vault.chunks import SALT

HEADER = "vault.ripguard"  # name of the header of a vault
SHARD_MAGIC, INDEX_MAGIC = b"ripguard/s1\n", b"ripguard/i1\n"
VAULT_ID = 16  # bytes
_HEAD = struct.Struct(f">12s{VAULT_ID}sI{SALT}s")
FRESH = "get a fresh copy of this file"


def new_head(magic: bytes, vault_id: bytes, number: int) -> tuple[bytes, bytes]:
    """A head with a new salt, and that salt."""
    salt = secrets.token_bytes(SALT)
    return _HEAD.pack(magic, vault_id, number, salt), salt


def salt_of(head: bytes, magic: bytes, vault_id: bytes, number: int, name: str) -> bytes:
    """The salt in a head.

    Args:
        name: of the file, for messages.

    Raises:
        Damaged: it is the head of another file.
    """
    if len(head) < _HEAD.size:
        raise Damaged(f"{name} was cut off: {len(head)} bytes", FRESH)
    found, other, own, salt = _HEAD.unpack(head)
    if found != magic:
        what = "a shard" if magic == SHARD_MAGIC else "an index"
        raise Damaged(f"{name} is not {what} of a vault, or its first bytes were changed", FRESH)
    if other != vault_id:
        raise Damaged(f"{name} belongs to another vault, {other.hex()}", "get the file of this vault")
    if own != number:
        raise Damaged(f"{name} is shard {own} of the vault, not {number}: files were swapped or renamed", FRESH)
    return salt
