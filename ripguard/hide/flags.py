"""The first byte of a sealed plaintext: what only a key holder may know about the clean image.

Format versions 0 and 1 have no such byte; in version 1 the flag ``gray`` is in the public header.
"""

from __future__ import annotations

from ripguard.codecs.bounded import BadStream
from ripguard.errors import Damaged
from ripguard.hide.header import SEALED_FLAGS, Header

GRAY = 0x01


def flag_byte(gray: bool) -> bytes:
    """The flags of a new image. ``gray``: the clean image has one channel, though the published one has three."""
    return bytes([GRAY if gray else 0])


def read_flags(header: Header, plaintext: bytes, channels: int) -> tuple[bool, int]:
    """Whether the clean image has one channel, though the published one has three; and where the record begins.

    Args:
        plaintext: the decrypted record that restores the image.
        channels: of the published image.

    Raises:
        BadStream: no flags, or flags that no version defines.
        Damaged: ``gray`` in an image with one channel.
    """
    if header.version < SEALED_FLAGS:
        return header.gray, 0
    if not plaintext or plaintext[0] & ~GRAY:
        raise BadStream("it does not begin with known flags")
    gray = bool(plaintext[0] & GRAY)
    if gray and channels == 1:
        raise Damaged("its record belongs to an image in color")
    return gray, 1
