"""Identifiers, and checks of texts that callers choose."""

from __future__ import annotations

import re
import secrets

from ripguard.errors import UsageError, acts
from ripguard.store.schema import text

NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
MOST_TEXT = 4_000  # characters of a purpose, a reason or an answer


def new_id(kind: str) -> str:
    """A random identifier, 128 bits: nobody can guess or count those of others."""
    return f"{kind}_{secrets.token_hex(16)}"


def checked_name(value: object, what: str) -> str:
    """The name of a principal or a dataset: 1 to 64 lower-case ASCII letters, digits and ``._@-``.

    One spelling only, so that no two names look the same.

    Raises:
        UsageError: another value.
    """
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise UsageError(
            f"{what}: not a name: expected 1 to 64 of a-z, 0-9, '.', '_', '@' and '-'", "such as cifar10-clean"
        )
    return value


def checked_text(value: object, what: str, most: int = MOST_TEXT) -> str:
    """A text for people: not empty, at most ``most`` characters, no control characters other than line ends and tabs.

    Raises:
        UsageError: another value.
    """
    if not isinstance(value, str) or not value.strip() or not text(value):
        raise UsageError(f"{what}: expected a text")
    if len(value) > most:
        raise UsageError(f"{what}: {len(value):,} characters, more than {most:,}")
    bare = value.replace("\n", "").replace("\r", "").replace("\t", "")
    if acts(bare) or "\0" in value or any("\ud800" <= one <= "\udfff" for one in value):
        raise UsageError(f"{what}: it has control characters", "send plain text")
    return value


def checked_label(value: object, what: str) -> str:
    """A split or a class as ``release.json`` has it; may be empty. Raises :class:`UsageError`."""
    if not isinstance(value, str) or len(value) > MOST_TEXT or "\0" in value or (not value.isascii() and acts(value)):
        raise UsageError(f"{what}: expected the name of a split or a class")
    return value


def checked_count(value: object, what: str, most: int = 1 << 62) -> int:
    """A number from 1 to ``most``. Raises :class:`UsageError`."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise UsageError(f"{what}: expected a number from 1 to {most:,}")
    return value
