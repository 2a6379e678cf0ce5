"""Ed25519 signatures of releases. The signing key is independent of the restore key."""

from __future__ import annotations

import base64
import datetime
import hashlib
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa

from ripguard.crypto.keyfile import SIGNING_PREFIX as PREFIX
from ripguard.crypto.keyfile import as_text, decode_secret, encode_secret
from ripguard.crypto.passphrase import Ask, ask
from ripguard.crypto.private import read_private, write_private
from ripguard.errors import SignatureInvalid
from ripguard.paths import expanded

FIELD = 2**255 - 19  # modulus of the curve's field
EIGHTH = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7  # y of a point of order 8
# y of all points whose order divides 8: for such a key, signatures can be forged
SMALL = frozenset({0, 1, FIELD - 1, EIGHTH, FIELD - EIGHTH})


@dataclass(frozen=True)
class SigningKey:
    """An Ed25519 seed (RFC 8032), 32 bytes. ``repr`` does not show it."""

    seed: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> SigningKey:
        return cls(secrets.token_bytes(32))

    @classmethod
    def read(cls, path: str | Path, passphrase: Ask = ask) -> SigningKey:
        """Read a signing-key file (``-``: standard input). Raises :class:`ripguard.errors.KeyFileError`."""
        path = expanded(path, "signing key file")
        return cls(decode_secret(PREFIX, read_private(path), str(path), passphrase))

    @classmethod
    def from_text(cls, text: str | bytes, passphrase: Ask = ask) -> SigningKey:
        """The key in the text of a signing-key file. Raises :class:`ripguard.errors.KeyFileError`."""
        return cls(decode_secret(PREFIX, as_text(text), "the text", passphrase))

    def write(self, path: str | Path, passphrase: str | None = None) -> None:
        """Write a new signing-key file, mode 0600, encrypted if there is a passphrase. Raises as :meth:`Key.write`."""
        write_private((path, self.text(passphrase)))

    def text(self, passphrase: str | None = None) -> str:
        """Content of the key file, encrypted if there is a passphrase."""
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        line = encode_secret(PREFIX, self.seed, passphrase)
        return (
            "# ripguard signing key: whoever holds it can publish in your name. It restores nothing.\n"
            f"# created: {now}\n# fingerprint: {fingerprint(self.public)}\n{line}\n"
        )

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        return self._key().public_key().export_key(format="raw")

    def sign(self, message: bytes) -> bytes:
        """Signature of ``message``, 64 bytes, deterministic."""
        return eddsa.new(self._key(), "rfc8032").sign(message)

    def _key(self) -> ECC.EccKey:
        return ECC.construct(curve="Ed25519", seed=self.seed)


def fingerprint(public: bytes) -> str:
    """Short name of a public key: ``ripguard-signer-`` and the first 32 letters of base32(SHA-256)."""
    digest = hashlib.sha256(b"ripguard signer" + public).digest()
    return "ripguard-signer-" + base64.b32encode(digest).decode().lower()[:32]


def check(public: bytes, message: bytes, signature: bytes) -> None:
    """Raise :class:`SignatureInvalid` unless ``signature`` is of ``message`` by ``public``.

    Also refuses public keys of small order, for which signatures can be forged (RFC 8032, section 5.1.7, leaves that to
    the verifier), and non-canonical encodings.
    """
    y = int.from_bytes(public, "little") & (2**255 - 1)  # the last bit is the sign of x
    if len(public) != 32 or y >= FIELD or y in SMALL:
        raise SignatureInvalid("the public key of the signature is not a valid one", "get the release from its owner")
    try:
        eddsa.new(eddsa.import_public_key(public), "rfc8032").verify(message, signature)
    except ValueError:
        raise SignatureInvalid("the signature does not match: the release was changed after signing") from None
