"""Sealing bytes to the exact image they belong to: AES-SIV with associated data that binds everything else.

AES-SIV is deterministic and needs no nonce: protecting the same image twice gives the same bytes, and there is no
counter to lose. Two equal messages under one key show only that they are equal, and each image has its own key.
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

FORMATS = (b"ripguard/v0", b"ripguard/v1")  # all are read
FORMAT = FORMATS[-1]  # is written


def length_prefixed(*fields: bytes) -> bytes:
    """Join fields so that no two different lists give the same bytes: count, then length and bytes of each."""
    return b"".join([struct.pack(">I", len(fields)), *(struct.pack(">I", len(f)) + f for f in fields)])


def image_digest(image: np.ndarray) -> bytes:
    """SHA-256 of shape and samples of a uint8 ``[height, width, channels]`` image: its identity in any file."""
    if image.dtype != np.uint8 or image.ndim != 3:
        raise ValueError(f"image: expected uint8 [height, width, channels], got {image.dtype} {image.shape}")
    head = length_prefixed(b"ripguard picture", struct.pack(">III", *image.shape))
    return hashlib.sha256(head + np.ascontiguousarray(image).tobytes()).digest()


def associated_data(purpose: bytes, header: bytes, digest: bytes) -> bytes:
    """What a sealed record is bound to: the header's format, purpose, the whole public header, a digest of the rest."""
    return length_prefixed(FORMATS[header[2]], purpose, header, digest)


def seal(key: bytes, associated: bytes, plaintext: bytes) -> bytes:
    """``tag(16) ‖ ciphertext``; see :func:`ripguard.crypto.backend.siv_seal`."""
    return siv_seal(key, associated, plaintext)


def open_sealed(key: bytes, associated: bytes, sealed: bytes) -> bytes:
    """Inverse of :func:`seal`; raises :class:`Forged`."""
    return siv_open(key, associated, sealed)
