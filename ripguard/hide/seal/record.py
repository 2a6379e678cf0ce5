"""The plaintext of a sealed image: flags, the length of the stream, the stream, and padding.

The padding hides the exact length of the stream, which may be a source file. Format version 1 sealed the stream alone.
"""

from __future__ import annotations

from ripguard.codecs.bounded import BadStream
from ripguard.crypto.padding import LENGTH, BadPadding, pad, padded_length, unpad
from ripguard.hide.flags import flag_byte, read_flags
from ripguard.hide.header import SEALED_FLAGS, Header


def record_length(stream: int) -> int:
    """Bytes of the plaintext for a stream of this length. It never falls while the stream's length rises."""
    return padded_length(len(flag_byte(False)) + LENGTH.size + stream)


def pack(stream: bytes, gray: bool) -> bytes:
    """The plaintext. ``gray``: the clean image has one channel, though the published one has three."""
    return pad(stream, flag_byte(gray))


def unpack(header: Header, plaintext: bytes, channels: int) -> tuple[bool, bytes]:
    """Inverse of :func:`pack`, for every format version: whether the clean image is gray, and the stream.

    Args:
        channels: of the published image.

    Raises:
        BadStream: not what :func:`pack` gives.
        Damaged: ``gray`` in an image with one channel.
    """
    gray, start = read_flags(header, plaintext, channels)
    if header.version < SEALED_FLAGS:
        return gray, plaintext
    try:
        return gray, unpad(plaintext, start)
    except BadPadding as error:
        raise BadStream(str(error)) from None
