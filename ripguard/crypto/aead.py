"""Encryption of a record, bound to the image that carries it: AES-SIV with associated data.

AES-SIV is deterministic and needs no nonce or counter: protecting the same image twice gives the same bytes. Equal
messages under one key give equal ciphertexts; each image has its own key, so nothing else is revealed.
"""

from __future__ import annotations

import hashlib
import struct

import numpy as np

from ripguard.crypto.backend import TAG, Forged, siv_open, siv_seal

__all__ = [
    "FORMAT",
    "FORMATS",
    "TAG",
    "Forged",
    "associated_data",
    "image_digest",
    "length_prefixed",
    "open_sealed",
    "seal",
]

FORMATS = (b"ripguard/v0", b"ripguard/v1", b"ripguard/v2")  # versions that can be read
FORMAT = FORMATS[-1]  # version that is written
_LENGTH = struct.Struct(">I").pack


def length_prefixed(*fields: bytes) -> bytes:
    """Encode a list of fields without ambiguity: the count, then the length and bytes of each field."""
    parts = [_LENGTH(len(fields))]  # called several times for each image
    for field in fields:
        parts += (_LENGTH(len(field)), field)
    return b"".join(parts)


def image_digest(image: np.ndarray) -> bytes:
    """SHA-256 of shape and samples of an image; the same for every file format.

    Args:
        image: uint8 ``[height, width, channels]``.

    Raises:
        ValueError: another type or number of dimensions.
    """
    if image.dtype != np.uint8 or image.ndim != 3:
        raise ValueError(f"image: expected uint8 [height, width, channels], got {image.dtype} {image.shape}")
    head = length_prefixed(b"ripguard picture", struct.pack(">III", *image.shape))
    return hashlib.sha256(head + np.ascontiguousarray(image).tobytes()).digest()


def associated_data(purpose: bytes, header: bytes, digest: bytes) -> bytes:
    """Associated data of a record: format version, purpose, the whole public header, and a digest of the image."""
    return length_prefixed(FORMATS[header[2]], purpose, header, digest)


def seal(key: bytes, associated: bytes, plaintext: bytes) -> bytes:
    """Encrypt: ``tag(16) ‖ ciphertext``; see :func:`ripguard.crypto.backend.siv_seal`."""
    return siv_seal(key, associated, plaintext)


def open_sealed(key: bytes, associated: bytes, sealed: bytes) -> bytes:
    """Decrypt and verify: the inverse of :func:`seal`. Raises :class:`Forged`."""
    return siv_open(key, associated, sealed)
