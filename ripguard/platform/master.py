"""The master key of a platform: key files, one for each generation, and the keys derived from them.

The first generation is in the master key file; later ones, made by rotation, are beside it: ``master.key.2`` and so on.
A file is never overwritten. The database holds a check value of each generation in use, so that a wrong file is
detected before anything is served.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import secrets
import threading
from dataclasses import dataclass, field
from pathlib import Path

from ripguard.crypto.aead import length_prefixed
from ripguard.crypto.backend import Forged, hkdf, siv_open, siv_seal
from ripguard.crypto.keyfile import MASTER_PREFIX, decode_secret, encode_secret
from ripguard.crypto.private import read_private, write_private
from ripguard.errors import KeyFileError

SALT = b"ripguard/platform v1"
CHECK = b"ripguard platform master key"


@dataclass(frozen=True)
class MasterKey:
    """One generation of the master key: 32 random bytes. ``repr`` shows the generation only."""

    secret: bytes = field(repr=False)
    generation: int

    def wrap(self, about: bytes, secret: bytes) -> bytes:
        """Encrypt a key, bound to what it is for: AES-256-SIV, ``tag(16) ‖ ciphertext``.

        Args:
            about: associated data; :func:`unwrap` needs the same.
        """
        return siv_seal(self._key(b"wrap"), self._bound(about), secret)

    def unwrap(self, about: bytes, wrapped: bytes) -> bytes:
        """The inverse of :meth:`wrap`. Raises :class:`Forged`."""
        return siv_open(self._key(b"wrap"), self._bound(about), wrapped)

    @property
    def check_value(self) -> bytes:
        """Public bytes that only this key makes; they reveal nothing about it."""
        return siv_seal(self._key(b"check"), self._bound(b"check"), CHECK)

    def fits(self, check_value: bytes) -> bool:
        """Whether a check value is of this key and generation."""
        try:
            return siv_open(self._key(b"check"), self._bound(b"check"), check_value) == CHECK
        except Forged:
            return False

    def _key(self, purpose: bytes) -> bytes:
        return hkdf(self.secret, SALT, purpose, 64)

    def _bound(self, about: bytes) -> bytes:
        return length_prefixed(SALT, self.generation.to_bytes(4, "big"), about)


class MasterFiles:
    """The generations of the master key in their files; each is read when it is first needed.

    Args:
        file: path of the first generation.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._read: dict[int, MasterKey] = {}
        self._lock = threading.Lock()

    def place(self, generation: int) -> Path:
        """Path of the file of a generation, whether it exists or not."""
        return self.file if generation == 1 else self.file.with_name(f"{self.file.name}.{generation}")

    def exists(self, generation: int) -> bool:
        return os.path.lexists(self.place(generation))

    def get(self, generation: int) -> MasterKey:
        """The key of a generation.

        Raises:
            KeyFileError: its file is missing, damaged, or readable by others.
        """
        with self._lock:
            if generation not in self._read:
                place = self.place(generation)
                if not os.path.lexists(place):
                    raise KeyFileError(
                        f"there is no master key file {place}", "put it back from its backup; a new one opens nothing"
                    )
                secret = decode_secret(MASTER_PREFIX, read_private(place), str(place), _no_passphrase)
                self._read[generation] = MasterKey(secret, generation)
            return self._read[generation]

    def make(self, generation: int) -> MasterKey:
        """The key of a generation; its file is made, mode 0600, if it does not exist.

        Raises:
            KeyFileError, StorageError: the file cannot be made or read.
        """
        if not self.exists(generation):
            now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            text = (
                "# ripguard master key of a platform: with its database, it restores every deposited dataset.\n"
                f"# Back it up apart from the database.\n# created: {now}\n# generation: {generation}\n"
                f"{encode_secret(MASTER_PREFIX, secrets.token_bytes(32))}\n"
            )
            self.place(generation).parent.mkdir(parents=True, exist_ok=True)
            try:
                write_private((self.place(generation), text))
            except KeyFileError:
                if not self.exists(generation):  # otherwise another process was faster
                    raise
        return self.get(generation)

    def forget(self, generation: int) -> None:
        """Remove the file of a generation, which no row of the database needs. Backups of the database may need it."""
        with self._lock, contextlib.suppress(FileNotFoundError):
            self._read.pop(generation, None)
            self.place(generation).unlink()


def _no_passphrase(where: str) -> str:
    raise KeyFileError(f"the master key in {where} is locked", "a platform starts without anybody present: unlock it")
