"""Who published a release: Ed25519 signatures, with a key of their own, apart from the restore key."""

from __future__ import annotations

import base64
import datetime
import hashlib
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa

from ripguard.errors import SignatureInvalid
from ripguard.keys import decode_secret, encode_secret, read_private, write_private
from ripguard.passphrase import Ask, ask

PREFIX = "ripguard-signing-key-1-"


@dataclass(frozen=True)
class SigningKey:
    """An Ed25519 seed (RFC 8032). ``repr`` shows nothing of it."""

    seed: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> SigningKey:
        return cls(secrets.token_bytes(32))

    @classmethod
    def read(cls, path: str | Path, passphrase: Ask = ask) -> SigningKey:
        """Read a signing-key file. Raises :class:`ripguard.errors.KeyFileError`."""
        return cls(decode_secret(PREFIX, read_private(path), str(path), passphrase))

    def write(self, path: str | Path, passphrase: str | None = None) -> None:
        """Write a signing-key file, 0600, never over an existing one; locked if there is a passphrase."""
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        line = encode_secret(PREFIX, self.seed, passphrase)
        write_private(
            path,
            "# ripguard signing key: whoever holds it can publish in your name. It restores nothing.\n"
            f"# created: {now}\n# fingerprint: {fingerprint(self.public)}\n{line}\n",
        )

    @property
    def public(self) -> bytes:
        """32 bytes."""
        return self._key().public_key().export_key(format="raw")

    def sign(self, message: bytes) -> bytes:
        """64 bytes, deterministic."""
        return eddsa.new(self._key(), "rfc8032").sign(message)

    def _key(self) -> ECC.EccKey:
        return ECC.construct(curve="Ed25519", seed=self.seed)


def fingerprint(public: bytes) -> str:
    """Short name of a public key: ``ripguard-signer-`` and 32 letters of base32(SHA-256)."""
    digest = hashlib.sha256(b"ripguard signer" + public).digest()
    return "ripguard-signer-" + base64.b32encode(digest).decode().lower()[:32]


def check(public: bytes, message: bytes, signature: bytes) -> None:
    """Raise :class:`SignatureInvalid` unless ``signature`` is of ``message`` by ``public``."""
    try:
        eddsa.new(eddsa.import_public_key(public), "rfc8032").verify(message, signature)
    except ValueError:
        raise SignatureInvalid("the signature does not fit: the release was changed after signing") from None
