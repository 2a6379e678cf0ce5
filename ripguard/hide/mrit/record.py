"""The encrypted record of an image: its Sequence, and the corrections that make restoring exact.

A record is a byte of flags, a length of three bytes and the Sequence. The corrections are the overwritten bits and the
clipped gray levels. They follow the Sequence, or are in the residue.
"""

from __future__ import annotations

import zlib

import numpy as np

from ripguard.codecs.bounded import BadStream, inflate
from ripguard.crypto.aead import TAG, Forged, associated_data, image_digest, open_sealed
from ripguard.crypto.keys import ImageKeys
from ripguard.hide import lsb
from ripguard.hide.flags import flag_byte, read_flags
from ripguard.hide.header import Header
from ripguard.hide.mrit.transform import LENGTH


def records(
    header: Header, payload: bytes, fixed: np.ndarray, image: np.ndarray, residue: bytes, keys: ImageKeys
) -> tuple[bool, bytes, bytes]:
    """Whether the clean image is gray, Sequence and corrections of one image.

    Raises:
        Forged: the key or the bytes are others.
        BadStream, Damaged: a record is authentic but malformed.
    """
    head = header.pack()
    if payload[:LENGTH] != head:
        raise Forged
    bound = associated_data(b"payload", head, image_digest(fixed))
    gray, sequence, rest = split(header, open_sealed(keys.payload, bound, payload[LENGTH:]), image.shape[2])
    if header.lossy:
        return gray, sequence, b""
    if header.inline:
        corrections = inflate(rest, len(payload) + _packed_excess(image.size), padded=True)
    else:
        corrections = open_sealed(keys.residue, associated_data(b"residue", head, image_digest(image)), residue)
    if len(corrections) < len(payload):
        raise BadStream("too few corrections")
    return gray, sequence, corrections


def start_of(sequence: bytes, gray: bool) -> bytes:
    """A record without corrections. ``gray``: the clean image has one channel, though the published one has three."""
    return flag_byte(gray) + len(sequence).to_bytes(3, "big") + sequence


def split(header: Header, record: bytes, channels: int) -> tuple[bool, bytes, bytes]:
    """Whether the clean image is gray, the Sequence, and what follows it.

    Args:
        channels: of the published image.

    Raises:
        BadStream, Damaged: no flags, wrong flags, or too short.
    """
    gray, first = read_flags(header, record, channels)
    start = first + 3
    stop = start + int.from_bytes(record[first:start], "big")
    if stop > len(record):
        raise BadStream("it ends before its Sequence does")
    return gray, record[start:stop], record[stop:]


def with_corrections(temporary: np.ndarray, record: bytes, lost: bytes, corrections: bytes, limit: int) -> bytes | None:
    """The record followed by its compressed corrections, padded with zeros; None if they do not fit.

    The record's length determines how many bits it overwrites, and they determine its length: iterate until both agree.

    Args:
        lost: bits that the record overwrites without corrections.
        limit: most bytes of the result.
    """
    length = len(record)
    for _ in range(6):
        needed = len(record) + len(packed := zlib.compress(lost + corrections, 9))
        if needed <= length:
            return (record + packed).ljust(length, b"\0")
        if needed > limit:
            return None
        length = needed
        lost = lsb.read(temporary[None], np.array([LENGTH + TAG + length]))[0]
    return None


def pack_excess(temporary: np.ndarray, excess: np.ndarray) -> bytes:
    """Clipped gray levels at the samples that are 0 or 255, compressed; empty if nothing was clipped."""
    if not excess.any():
        return b""
    return zlib.compress(excess[(temporary == 0) | (temporary == 255)].tobytes(), 9)


def unpack_excess(temporary: np.ndarray, packed: bytes) -> np.ndarray:
    """Inverse of :func:`pack_excess`: uint8, shape of ``temporary``. Raises :class:`BadStream`."""
    excess = np.zeros_like(temporary)
    if packed:
        cut_off = (temporary == 0) | (temporary == 255)
        count = int(np.count_nonzero(cut_off))
        if len(values := inflate(packed, count)) != count:
            raise BadStream(f"{len(values):,} clipped samples instead of {count:,}")
        excess[cut_off] = np.frombuffer(values, np.uint8)
    return excess


def _packed_excess(samples: int) -> int:
    """Most bytes that :func:`pack_excess` returns; zlib adds a little to incompressible data."""
    return samples + samples // 1000 + 64
