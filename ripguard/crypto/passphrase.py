"""Secrets locked with a passphrase: scrypt (RFC 7914) makes a key from it, AES-SIV seals the secret.

The cost is stored with the secret and bounded before any work, so a hostile file can neither exhaust memory nor time.
"""

from __future__ import annotations

import getpass
import os
import secrets
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

from ripguard.crypto.aead import TAG, Forged, length_prefixed, open_sealed, seal
from ripguard.crypto.private import LONGEST, read_private
from ripguard.errors import KeyFileError, StorageError

COST = 17  # log2 of scrypt's N: 128 MiB and a good part of a second
LEAST, MOST = 10, 20
SALT = 16
LENGTH = 1 + SALT + TAG + 32  # a locked secret: cost, salt, sealed 32 bytes
VARIABLE = "RIPGUARD_PASSPHRASE_FILE"

Ask = Callable[[str], str]


def lock(secret: bytes, passphrase: str, purpose: str, cost: int = COST) -> bytes:
    """:data:`LENGTH` bytes that give ``secret`` (32 bytes) back to whoever knows the passphrase."""
    head = bytes([cost]) + secrets.token_bytes(SALT)
    return head + seal(_stretched(passphrase, head), _bound(purpose, head), secret)


def unlock(locked: bytes, passphrase: str, purpose: str, where: str) -> bytes:
    """Inverse of :func:`lock`; raises :class:`KeyFileError`, :class:`StorageError` where memory does not do."""
    cost = locked[0] if len(locked) == LENGTH else 0
    if not LEAST <= cost <= MOST:
        raise KeyFileError(f"the lock of {where} is not one that ripguard makes", "use a backup of the key file")
    head = locked[: 1 + SALT]
    try:
        return open_sealed(_stretched(passphrase, head), _bound(purpose, head), locked[len(head) :])
    except Forged:
        raise KeyFileError(
            f"the passphrase does not open {where}", "check layout and capitals; nothing was changed"
        ) from None


def ask(where: str) -> str:
    """The passphrase: from the file named by ``RIPGUARD_PASSPHRASE_FILE`` (0600), else typed at the terminal."""
    named = os.environ.get(VARIABLE)
    if named:
        return read_private(Path(named)).rstrip("\r\n")
    if sys.stdin is None or not sys.stdin.isatty():
        raise KeyFileError(
            f"{where} is locked with a passphrase", f"type it at a terminal, or name a file by {VARIABLE}"
        )
    return _typed(f"passphrase of {where}: ")


def _typed(question: str) -> str:
    """What is typed at the terminal, as it is: nothing of it is cut or replaced."""

    try:
        typed = getpass.getpass(question)
        typed.encode()
    except EOFError:
        raise KeyFileError("no passphrase was typed", f"type it, or name a file by {VARIABLE}") from None
    except UnicodeError:  # half characters stand for bytes that are no text in this locale
        raise KeyFileError(
            "the passphrase holds bytes that are no text in this locale", "set the terminal and LC_ALL to UTF-8"
        ) from None
    if len(typed) >= LONGEST:
        raise KeyFileError(f"the passphrase is too long: {LONGEST:,} characters or more", "choose a shorter one")
    return typed


def ask_new() -> str:
    """A new passphrase, typed twice or taken from the file; raises :class:`KeyFileError` if it is empty."""
    first = ask("the new keys")
    if not os.environ.get(VARIABLE) and _typed("again: ") != first:
        raise KeyFileError("the two passphrases differ", "try again")
    if not first.strip():
        raise KeyFileError("the passphrase is empty", "choose one, or make the keys without --passphrase")
    return first


def _stretched(passphrase: str, head: bytes) -> bytes:
    from Crypto.Protocol.KDF import scrypt

    try:
        words = unicodedata.normalize("NFC", passphrase).encode()  # the same letters on every keyboard
    except UnicodeEncodeError:
        raise KeyFileError("the passphrase holds half characters", "it must be text") from None
    try:
        return scrypt(words, head[1:], 64, 1 << head[0], 8, 1)  # type: ignore[return-value,arg-type]
    except (MemoryError, ValueError, OSError):  # ValueError: the library's own allocations failed
        raise StorageError(
            f"out of memory: a passphrase lock of cost {head[0]} takes {1 << head[0] >> 10:,} MiB",
            "repeat the command where there is more memory",
        ) from None


def _bound(purpose: str, head: bytes) -> bytes:
    return length_prefixed(b"ripguard locked", purpose.encode(), head)
