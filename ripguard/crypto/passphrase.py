"""Secrets encrypted with a passphrase: scrypt (RFC 7914) derives the key, AES-SIV encrypts the secret.

The scrypt cost is stored with the secret and checked against bounds first, so a hostile file can exhaust neither memory
nor time.
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
from ripguard.paths import named_by

COST = 17  # log2 of scrypt's N: 128 MiB, and almost a second on a current CPU
LEAST, MOST = 10, 20
SALT = 16
LENGTH = 1 + SALT + TAG + 32  # cost, salt, tag and 32 encrypted bytes
VARIABLE = "RIPGUARD_PASSPHRASE_FILE"

Ask = Callable[[str], str]


def lock(secret: bytes, passphrase: str, purpose: str, cost: int = COST) -> bytes:
    """Encrypt ``secret`` (32 bytes) with a passphrase: :data:`LENGTH` bytes."""
    head = bytes([cost]) + secrets.token_bytes(SALT)
    return head + seal(_stretched(passphrase, head), _bound(purpose, head), secret)


def unlock(locked: bytes, passphrase: str, purpose: str, where: str) -> bytes:
    """Inverse of :func:`lock`.

    Raises:
        KeyFileError: wrong passphrase, or not a locked secret.
        StorageError: not enough memory for scrypt.
    """
    cost = locked[0] if len(locked) == LENGTH else 0
    if not LEAST <= cost <= MOST:
        raise KeyFileError(f"{where} is not locked in a form that ripguard writes", "use a backup of the key file")
    head = locked[: 1 + SALT]
    try:
        return open_sealed(_stretched(passphrase, head), _bound(purpose, head), locked[len(head) :])
    except Forged:
        raise KeyFileError(
            f"the passphrase does not open {where}", "check keyboard layout and capital letters; nothing was changed"
        ) from None


def passphrase_file() -> Path | None:
    """The file named by ``RIPGUARD_PASSPHRASE_FILE``, if any. Raises :class:`UsageError`: ``~`` without a home."""
    return named_by(VARIABLE)


def ask(where: str) -> str:
    """The passphrase: from the file (mode 0600) named by ``RIPGUARD_PASSPHRASE_FILE``, otherwise from the terminal.

    Raises:
        KeyFileError: neither is available, or it is not text.
    """
    if named := passphrase_file():
        return read_private(named).rstrip("\r\n")
    if sys.stdin is None or not sys.stdin.isatty():
        raise KeyFileError(
            f"{where} is locked with a passphrase", f"run at a terminal, or set {VARIABLE} to a file that holds it"
        )
    return _typed(f"passphrase of {where}: ")


def _typed(question: str) -> str:
    """Exactly what is typed at the terminal: nothing is stripped or replaced."""

    try:
        typed = getpass.getpass(question)
        typed.encode()
    except EOFError:
        raise KeyFileError("no passphrase was typed", f"type it, or set {VARIABLE} to a file that holds it") from None
    except UnicodeError:  # lone surrogates stand for bytes that are not text in this locale
        raise KeyFileError(
            "the passphrase contains bytes that are not text in this locale", "set the terminal and LC_ALL to UTF-8"
        ) from None
    if len(typed) >= LONGEST:
        raise KeyFileError(f"the passphrase is too long: {LONGEST:,} characters or more", "choose a shorter one")
    return typed


def ask_new() -> str:
    """A new passphrase, typed twice or read from the file. Raises :class:`KeyFileError` if it is empty."""
    first = ask("the new keys")
    if not os.environ.get(VARIABLE) and _typed("again: ") != first:
        raise KeyFileError("the two passphrases differ", "try again")
    if not first.strip():
        raise KeyFileError("the passphrase is empty", "choose one, or make the keys without --passphrase")
    return first


def _stretched(passphrase: str, head: bytes) -> bytes:
    from Crypto.Protocol.KDF import scrypt

    try:
        words = unicodedata.normalize("NFC", passphrase).encode()  # one encoding for the same characters
    except UnicodeEncodeError:
        raise KeyFileError("the passphrase contains lone surrogates", "use valid Unicode text") from None
    try:
        return scrypt(words, head[1:], 64, 1 << head[0], 8, 1)  # type: ignore[return-value,arg-type]
    except (MemoryError, ValueError, OSError):  # ValueError: the library's own allocations failed
        raise StorageError(
            f"out of memory: scrypt at cost {head[0]} needs {1 << head[0] >> 10:,} MiB",
            "repeat the command on a machine with more memory",
        ) from None


def _bound(purpose: str, head: bytes) -> bytes:
    return length_prefixed(b"ripguard locked", purpose.encode(), head)
