"""Keys: make, write, read, and the tree of subkeys under one dataset key.

::

    Key (32 random bytes, in a key file)
     └─ dataset   HKDF salt = dataset id               proofs: keyed digests of clean pictures, release code
         └─ unit      one per split/class              what a platform hands to a user with a partial grant
             └─ picture   64 bytes for AES-256-SIV     one for the payload, one for the residue

No subkey depends on a path or file name. Keys never appear in ``repr``, logs, errors or argument lists.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import os
import secrets
import stat
import struct
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ripguard.crypto import hkdf
from ripguard.errors import KeyFileError
from ripguard.passphrase import LENGTH as LOCKED_LENGTH
from ripguard.passphrase import Ask, ask, lock, unlock
from ripguard.seal import length_prefixed

PREFIX = "ripguard-key-1-"
LOCKED = "locked-"  # after the prefix; base32 has no dash
ID_BYTES = 8


def encode_secret(prefix: str, secret: bytes, passphrase: str | None = None) -> str:
    """``prefix`` + base32 of secret and checksum: self-naming, one line, no leading dash, typed errors are noticed.

    With a passphrase the secret is locked first and the line says so.
    """
    if passphrase is not None:
        return _line(prefix + LOCKED, lock(secret, passphrase, prefix))
    return _line(prefix, secret)


def _line(prefix: str, data: bytes) -> str:
    check = hashlib.sha256(prefix.encode() + data).digest()[:4]
    return prefix + base64.b32encode(data + check).decode().rstrip("=").lower()


def decode_secret(prefix: str, text: str, where: str, passphrase: Ask = ask) -> bytes:
    """Inverse of :func:`encode_secret`; raises :class:`KeyFileError` that never quotes the text.

    Args:
        passphrase: called with ``where`` if the secret is locked.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if len(lines) != 1 or not lines[0].startswith(prefix):
        raise KeyFileError(f"{where} is not a key file", f"expected one line that starts with {prefix}")
    locked = lines[0].startswith(prefix + LOCKED)
    start, length = (prefix + LOCKED, LOCKED_LENGTH) if locked else (prefix, 32)
    body = lines[0][len(start) :].upper()
    try:
        raw = base64.b32decode(body + "=" * (-len(body) % 8))
    except ValueError:
        raw = b""
    if len(raw) != length + 4 or _line(start, raw[:-4]) != lines[0].lower():
        raise KeyFileError(f"the key in {where} is damaged: its checksum does not fit", "use a backup of the key file")
    return unlock(raw[:-4], passphrase(where), prefix, where) if locked else raw[:-4]


def read_private(path: str | Path) -> str:
    """Text of a private file, or of standard input for ``-``; refuses files that others can read."""
    if str(path) == "-":
        return sys.stdin.read(4096)
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            raise KeyFileError(f"{path} is not a regular file", "name the key file itself")
        if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
            raise KeyFileError(f"{path} can be read by other users", f"chmod 600 {path}")
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(4096)
    except FileNotFoundError:
        raise KeyFileError(f"there is no key file {path}", "make one: ripguard keygen --out FILE") from None
    except OSError as error:
        raise KeyFileError(f"cannot read the key file {path}: {error.strerror}") from None


def write_private(path: str | Path, text: str) -> None:
    """Create ``path`` with mode 0600; refuses to overwrite."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyFileError(f"{path} exists; a key is never overwritten", "choose another name") from None
    except OSError as error:
        raise KeyFileError(f"cannot write {path}: {error.strerror}") from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY)  # a key that is lost is lost for good
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@dataclass(frozen=True)
class Key:
    """The restore key of an owner: 32 random bytes. ``repr`` shows the key id only.

    Attributes:
        file: where it was read from, if from a file: beside it stands who signed its releases so far.
    """

    secret: bytes = field(repr=False)
    file: Path | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.secret) != 32:
            raise ValueError(f"key: expected 32 bytes, got {len(self.secret)}")

    @classmethod
    def generate(cls) -> Key:
        """A new key from the operating system's random generator."""
        return cls(secrets.token_bytes(32))

    @classmethod
    def read(cls, path: str | Path, passphrase: Ask = ask) -> Key:
        """Read a key file (``-``: standard input). Raises :class:`KeyFileError`.

        Args:
            passphrase: called if the key is locked; by default a file named in the environment, or the terminal.
        """
        return cls(decode_secret(PREFIX, read_private(path), str(path), passphrase))

    def write(self, path: str | Path, passphrase: str | None = None) -> None:
        """Write a key file, 0600, never over an existing one; locked if there is a passphrase.

        Raises :class:`KeyFileError`.
        """
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        write_private(
            path,
            "# ripguard restore key: whoever holds it gets the clean pictures back. Keep it outside the release.\n"
            f"# created: {now}\n# key id: {self.id.hex()}\n{encode_secret(PREFIX, self.secret, passphrase)}\n",
        )

    @cached_property
    def id(self) -> bytes:
        """8 public bytes that name the key: they tell a wrong key before any work, and reveal nothing about it."""
        return hkdf(self.secret, FORMAT_SALT, b"key id", ID_BYTES)

    def dataset(self, dataset_id: bytes) -> DatasetKeys:
        """Subkeys of one release."""
        secret = hkdf(self.secret, FORMAT_SALT, length_prefixed(b"dataset", dataset_id), 32)
        return DatasetKeys(secret, self.id, dataset_id)

    def dataset_id(self, plan: bytes) -> bytes:
        """8 bytes that name a release: keyed: equal inputs give equal releases, and nobody can confirm a guess."""
        return hkdf(self.secret, FORMAT_SALT, length_prefixed(b"dataset id", plan), ID_BYTES)


FORMAT_SALT = b"ripguard/v0 keys"


@dataclass(frozen=True)
class PictureKeys:
    """The two 64-byte AES-256-SIV keys of one picture, and 32 bytes that decide where its payload stands."""

    payload: bytes = field(repr=False)
    residue: bytes = field(repr=False)
    place: bytes = field(repr=False)


@dataclass(frozen=True)
class UnitKeys:
    """Subkey of one split/class: opens every picture of that unit and nothing else."""

    secret: bytes = field(repr=False)

    def picture(self, index: int) -> PictureKeys:
        all_ = hkdf(self.secret, FORMAT_SALT, length_prefixed(b"picture", struct.pack(">I", index)), 160)
        return PictureKeys(all_[:64], all_[64:128], all_[128:])


@dataclass(frozen=True)
class DatasetKeys:
    """Subkeys of one release."""

    secret: bytes = field(repr=False)
    key_id: bytes
    dataset_id: bytes

    @cached_property
    def _known(self) -> dict[tuple[bytes, int], bytes]:
        return {}

    def _derived(self, info: bytes, length: int) -> bytes:
        """A subkey that many pictures share, derived once."""
        if (info, length) not in self._known:
            self._known[info, length] = hkdf(self.secret, FORMAT_SALT, info, length)
        return self._known[info, length]

    def unit(self, unit: int) -> UnitKeys:
        return UnitKeys(self._derived(length_prefixed(b"unit", struct.pack(">H", unit)), 32))

    @property
    def model(self) -> bytes:
        """64 bytes for AES-256-SIV: seals the model of the release's small-image coder."""
        return hkdf(self.secret, FORMAT_SALT, b"model", 64)

    def proof(self, purpose: bytes, data: bytes) -> bytes:
        """Keyed SHA-256: proves equality to a key holder and lets nobody else confirm a guess."""
        return hmac.digest(self._derived(b"proof " + purpose, 32), data, "sha256")
