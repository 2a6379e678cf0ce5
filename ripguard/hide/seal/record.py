"""The plaintext of a sealed image: flags, the length of the stream, the stream, and padding.

The padding hides the exact length of the stream, which may be a source file. It ends where the image is full.
Format version 1 sealed the stream alone.
"""

from __future__ import annotations

import math

from ripguard.codecs.bounded import BadStream
from ripguard.crypto.backend import TAG
from ripguard.crypto.padding import LENGTH as PREFIX
from ripguard.crypto.padding import BadPadding, length_within, pad, unpad
from ripguard.hide.flags import flag_byte, read_flags
from ripguard.hide.header import SEALED_FLAGS, Header

HEADER_BYTES = 40


def room_of(samples: int) -> int:
    """Bytes of a plaintext that all bit-planes of an image hold: padding does not make a record exceed them."""
    return samples - HEADER_BYTES - TAG


def record_length(stream: int, samples: int) -> int:
    """Bytes of the plaintext for a stream of this length. It never falls while the stream's length rises.

    Args:
        samples: of the published image.
    """
    return length_within(len(flag_byte(False)) + PREFIX.size + stream, room_of(samples))


def pack(stream: bytes, gray: bool, samples: int) -> bytes:
    """The plaintext.

    Args:
        gray: the clean image has one channel, though the published one has three.
        samples: of the published image.
    """
    return pad(stream, flag_byte(gray), room_of(samples))


def unpack(header: Header, plaintext: bytes, shape: tuple[int, ...]) -> tuple[bool, bytes]:
    """Inverse of :func:`pack`, for every format version: whether the clean image is gray, and the stream.

    Args:
        shape: height, width and channels of the published image.

    Raises:
        BadStream: not what :func:`pack` gives.
        Damaged: ``gray`` in an image with one channel.
    """
    gray, start = read_flags(header, plaintext, shape[2])
    if header.version < SEALED_FLAGS:
        return gray, plaintext
    try:
        return gray, unpad(plaintext, start, room_of(math.prod(shape)))
    except BadPadding as error:
        raise BadStream(str(error)) from None
