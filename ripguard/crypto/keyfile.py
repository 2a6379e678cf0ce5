"""The text format of key files (one line: prefix, secret, checksum), and a detector of keys in other files."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import re
import string

from ripguard.crypto.passphrase import LENGTH as LOCKED_LENGTH
from ripguard.crypto.passphrase import Ask, ask, lock, unlock
from ripguard.errors import KeyFileError

PREFIX = "ripguard-key-1-"
SIGNING_PREFIX = "ripguard-signing-key-1-"
MASTER_PREFIX = "ripguard-master-key-1-"  # of a platform
UNIT_PREFIX = "ripguard-unit-key-1-"  # of a part of a release
LOCKED = "locked-"  # after the prefix; base32 has no dash

LENGTHS = {PREFIX: 32, SIGNING_PREFIX: 32, MASTER_PREFIX: 32, UNIT_PREFIX: 146}  # bytes of secrets
KINDS = tuple(LENGTHS)
A_KEY = re.compile(rb"(%s)(locked-)?[a-z2-7]{50}" % "|".join(KINDS).encode(), re.IGNORECASE)
PREFIXES = {prefix.replace("-", "").encode(): prefix for prefix in KINDS}
A_PREFIX = re.compile(b"(%s)" % b"|".join(PREFIXES))
LETTERS = (string.ascii_letters + string.digits).encode()
NOT_LETTERS = bytes(set(range(256)) - set(LETTERS))
NOT_BASE64 = bytes(set(range(256)) - set(LETTERS + b"+/-_"))
AS_IN_MAIL = bytes.maketrans(b"-_", b"+/")  # URL-safe base64 to standard base64 (RFC 4648)


def encode_secret(prefix: str, secret: bytes, passphrase: str | None = None) -> str:
    """``prefix`` and base32 of secret and checksum, in one line without a leading dash.

    The checksum detects typing errors. With a passphrase the secret is encrypted first, and the
    prefix is followed by ``locked-``.
    """
    if passphrase is not None:
        return _line(prefix + LOCKED, lock(secret, passphrase, prefix))
    return _line(prefix, secret)


def as_text(content: str | bytes) -> str:
    """Content of a key file as text. Raises :class:`KeyFileError` for other types, and bytes that are no text."""
    if isinstance(content, bytes):
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise KeyFileError("the text is not a key file", "expected UTF-8 text") from None
    if not isinstance(content, str):
        raise KeyFileError(f"key: expected the text of a key file, got {type(content).__name__}")
    return content


def _line(prefix: str, data: bytes) -> str:
    check = hashlib.sha256(prefix.encode() + data).digest()[:4]
    return prefix + base64.b32encode(data + check).decode().rstrip("=").lower()


def decode_secret(prefix: str, text: str, where: str, passphrase: Ask = ask) -> bytes:
    """Inverse of :func:`encode_secret`.

    Args:
        where: name of the file, for messages.
        passphrase: called with ``where`` if the secret is locked; returns the passphrase.

    Raises:
        KeyFileError: not a key of this kind, damaged, or the wrong passphrase. The message never quotes the text.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if len(lines) != 1 or not lines[0].startswith(prefix):
        raise KeyFileError(f"{where} is not a key file", f"expected one line that starts with {prefix}")
    locked = lines[0].startswith(prefix + LOCKED)
    start, length = (prefix + LOCKED, LOCKED_LENGTH) if locked else (prefix, 32)
    raw = decoded_line(start, lines[0], where, length)
    return unlock(raw, passphrase(where), prefix, where) if locked else raw


def decoded_line(start: str, line: str, where: str, length: int) -> bytes:
    """The bytes in one line of a key file, without their checksum.

    Args:
        start: what the line starts with.
        length: number of the bytes.

    Raises:
        KeyFileError: the line is another one, or is damaged.
    """
    body = line[len(start) :].upper()
    try:
        raw = base64.b32decode(body + "=" * (-len(body) % 8))
    except ValueError:
        raw = b""
    if len(raw) != length + 4 or _line(start, raw[:-4]) != line.lower():
        raise KeyFileError(
            f"the key in {where} is damaged: its checksum does not match", "use a backup of the key file"
        )
    return raw[:-4]


def holds_key(data: bytes) -> bool:
    """Whether bytes contain a restore, signing or master key, locked or not.

    Finds keys in plain text, UTF-16 and UTF-32, broken over lines or quoted, and any of these in base64. The time is
    linear in the length.
    """
    if _names_key(data):
        return True
    only = _unbroken(data).translate(AS_IN_MAIL, NOT_BASE64)
    shifted = (only[shift : shift + (len(only) - shift) // 4 * 4] for shift in range(4))  # base64 may begin anywhere
    return any(_names_key(binascii.a2b_base64(part)) for part in shifted)


def _names_key(data: bytes) -> bool:
    if A_KEY.search(data):
        return True
    # letters and digits only, whatever separates them; text after a prefix may look like a key, so the checksum is
    # verified
    bare = _unbroken(data).translate(None, NOT_LETTERS).lower()
    return any(_fits(found[1], bare[found.end() : found.end() + 300]) for found in A_PREFIX.finditer(bare))


def _unbroken(data: bytes) -> bytes:
    """Without the zero bytes of UTF-16 and the escaped line ends of JSON, whose letters would remain otherwise."""
    return data.translate(None, b"\0").replace(rb"\n", b"").replace(rb"\r", b"")


def _fits(kind: bytes, after: bytes) -> bool:
    """Whether a complete key follows a prefix. ``kind``: the prefix without its dashes."""
    prefix = PREFIXES[kind]
    for start, length in ((prefix, LENGTHS[prefix]), (prefix + LOCKED, LOCKED_LENGTH)):
        body = after.removeprefix(b"locked") if start.endswith(LOCKED) else after
        body = body[: -(-(length + 4) * 8 // 5)]
        with contextlib.suppress(ValueError):
            raw = base64.b32decode(body.upper() + b"=" * (-len(body) % 8))
            if len(raw) == length + 4 and _line(start, raw[:-4]) == start + body.decode():
                return True
    return False
