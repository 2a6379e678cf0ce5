"""Padding that hides the exact length of a plaintext before it is encrypted.

The padded length is a Padmé length: Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication
with PURBs", PoPETs 2019(4), algorithm 1. A length L reveals O(log log L) bits, and padding adds at most 12 percent.
"""

from __future__ import annotations

import struct

LENGTH = struct.Struct(">I")  # length of the data, before them
MOST = (1 << 32) - 1  # bytes of data


class BadPadding(ValueError):
    """The bytes were not padded by :func:`pad`."""


def padded_length(length: int) -> int:
    """The smallest Padmé length that is at least ``length``.

    With E = ⌊log₂ length⌋ and S = ⌊log₂ E⌋ + 1, the last E − S bits of a Padmé length are zero.

    Raises:
        ValueError: ``length`` is negative.
    """
    if length < 0:
        raise ValueError(f"length: expected at least 0, got {length}")
    exponent = max(length.bit_length() - 1, 0)
    low = (1 << exponent - exponent.bit_length()) - 1
    return (length + low) & ~low


def pad(data: bytes, head: bytes = b"") -> bytes:
    """``head ‖ length of data (4 bytes, big-endian) ‖ data ‖ zero bytes``, as long as the next Padmé length.

    Args:
        data: at most 2³² − 1 bytes.
        head: bytes of a length that the reader knows.

    Raises:
        ValueError: ``data`` are too long.
    """
    if len(data) > MOST:
        raise ValueError(f"data: expected at most {MOST:,} bytes, got {len(data):,}")
    start = head + LENGTH.pack(len(data))
    return b"".join((start, data, bytes(padded_length(len(start) + len(data)) - len(start) - len(data))))


def unpad(padded: bytes, head: int = 0) -> bytes:
    """The ``data`` of :func:`pad`. ``head``: number of bytes before their length.

    Raises:
        BadPadding: too short, not of the length that :func:`pad` gives, or padded with other bytes than zero.
    """
    start = head + LENGTH.size
    if len(padded) < start:
        raise BadPadding("it is too short")
    stop = start + LENGTH.unpack_from(padded, head)[0]
    if len(padded) != padded_length(stop):
        raise BadPadding("its length is not the padded one")
    if padded.count(0, stop) != len(padded) - stop:
        raise BadPadding("its padding is not zero")
    return padded[start:stop]
