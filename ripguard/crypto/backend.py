"""Cryptographic primitives from PyCryptodome, or from ``cryptography`` where that is installed.

Both backends give the same bytes (``tests/crypto/test_backend.py``). This module implements no cryptography: it chooses
a library and gives both the same call signatures.
"""

from __future__ import annotations

import os
from typing import Protocol

TAG = 16  # bytes that AES-SIV adds: the synthetic IV, which is also the authentication tag; AES-GCM adds as many
NONCE = 12  # bytes of a nonce of AES-GCM


class Forged(Exception):
    """Authentication failed: wrong key, wrong associated data, or changed bytes. AES-SIV does not distinguish them."""


class Gcm(Protocol):
    """AES-256-GCM (NIST SP 800-38D) under one key. A nonce is used once, or the key is lost.

    ``seal`` returns ``ciphertext ‖ tag``, ``open`` the plaintext, only after the tag was verified; it raises
    :class:`Forged`. Nonces have :data:`NONCE` bytes; the plaintext may be empty, the associated data not.
    """

    def seal(self, nonce: bytes, associated: bytes, plaintext: bytes) -> bytes: ...
    def open(self, nonce: bytes, associated: bytes, sealed: bytes | memoryview) -> bytes: ...


class PyCryptodome:
    """The default backend. Its cipher objects can be used once, so each call builds a new one."""

    name = "pycryptodome"

    @staticmethod
    def siv_seal(key: bytes, associated: bytes, plaintext: bytes) -> bytes:
        from Crypto.Cipher import AES

        cipher = AES.new(key, AES.MODE_SIV)
        cipher.update(associated)
        ciphertext, tag = cipher.encrypt_and_digest(plaintext)
        return tag + ciphertext

    @staticmethod
    def siv_open(key: bytes, associated: bytes, sealed: bytes) -> bytes:
        from Crypto.Cipher import AES

        cipher = AES.new(key, AES.MODE_SIV)
        cipher.update(associated)
        try:
            return cipher.decrypt_and_verify(sealed[TAG:], sealed[:TAG])
        except ValueError:
            raise Forged from None

    @staticmethod
    def hkdf(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
        from Crypto.Hash import SHA256
        from Crypto.Protocol.KDF import HKDF

        return HKDF(secret, length, salt, SHA256, context=info)  # type: ignore[return-value]

    class gcm:
        """See :class:`Gcm`."""

        def __init__(self, key: bytes) -> None:
            from Crypto.Cipher import AES

            self._key, self._aes = key, AES

        def seal(self, nonce: bytes, associated: bytes, plaintext: bytes) -> bytes:
            cipher = self._aes.new(self._key, self._aes.MODE_GCM, nonce=nonce, mac_len=TAG)
            cipher.update(associated)
            ciphertext, tag = cipher.encrypt_and_digest(plaintext)
            return ciphertext + tag

        def open(self, nonce: bytes, associated: bytes, sealed: bytes | memoryview) -> bytes:
            if len(sealed) < TAG:
                raise Forged
            cipher = self._aes.new(self._key, self._aes.MODE_GCM, nonce=nonce, mac_len=TAG)
            cipher.update(associated)
            try:
                return cipher.decrypt_and_verify(sealed[:-TAG], sealed[-TAG:])
            except ValueError:
                raise Forged from None


class Cryptography:
    """The faster backend (extra ``fast``)."""

    name = "cryptography"

    @staticmethod
    def siv_seal(key: bytes, associated: bytes, plaintext: bytes) -> bytes:
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV

        return AESSIV(key).encrypt(plaintext, [associated])

    @staticmethod
    def siv_open(key: bytes, associated: bytes, sealed: bytes) -> bytes:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV

        try:
            return AESSIV(key).decrypt(sealed, [associated])
        except InvalidTag:
            raise Forged from None

    @staticmethod
    def hkdf(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        return HKDF(SHA256(), length, salt, info).derive(secret)

    class gcm:
        """See :class:`Gcm`."""

        def __init__(self, key: bytes) -> None:
            from cryptography.exceptions import InvalidTag
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            self._cipher, self._invalid = AESGCM(key), InvalidTag

        def seal(self, nonce: bytes, associated: bytes, plaintext: bytes) -> bytes:
            return self._cipher.encrypt(nonce, plaintext, associated)

        def open(self, nonce: bytes, associated: bytes, sealed: bytes | memoryview) -> bytes:
            try:
                return self._cipher.decrypt(nonce, sealed, associated)
            except self._invalid:
                raise Forged from None


def _choose() -> type[PyCryptodome] | type[Cryptography]:
    wanted = os.environ.get("RIPGUARD_CRYPTO", "")
    if wanted == PyCryptodome.name:
        return PyCryptodome
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV  # noqa: F401
    except ImportError:
        return PyCryptodome
    return Cryptography


backend = _choose()


def hkdf(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """HKDF-SHA-256 (RFC 5869), extract and expand.

    Raises:
        ValueError: salt or info is empty; the two libraries differ there.
    """
    if not salt or not info:
        raise ValueError("hkdf: expected a non-empty salt and info")
    return backend.hkdf(secret, salt, info, length)


def siv_seal(key: bytes, associated: bytes, plaintext: bytes) -> bytes:
    """AES-256-SIV (RFC 5297), 64-byte key, one item of associated data: returns ``tag ‖ ciphertext``.

    Raises:
        ValueError: associated data or plaintext is empty.
    """
    if not associated or not plaintext:  # OpenSSL before 3.0.10 skipped empty items; pyca refuses empty plaintext
        raise ValueError("siv_seal: expected non-empty associated data and plaintext")
    return backend.siv_seal(key, associated, plaintext)


def siv_open(key: bytes, associated: bytes, sealed: bytes) -> bytes:
    """Inverse of :func:`siv_seal`. Returns plaintext only after the tag was verified.

    Raises:
        Forged: the tag does not match.
    """
    if len(sealed) <= TAG:
        raise Forged
    return backend.siv_open(key, associated, sealed)


def gcm(key: bytes) -> Gcm:
    """AES-256-GCM under a key of 32 bytes; the caller sees to it that no nonce comes twice.

    Raises:
        ValueError: another length.
    """
    if len(key) != 32:
        raise ValueError(f"gcm: expected a key of 32 bytes, got {len(key)}")
    return backend.gcm(key)
