"""Decompression with a limit on the output size. Truncated streams are refused.

Streams come from encrypted records. A key holder can encrypt anything, also a few kilobytes that decompress to
gigabytes.
"""

from __future__ import annotations

import lzma
import zlib

MEMORY = 64 << 20  # memory limit of the xz decoder in bytes; streams of ripguard need a dictionary of at most 8 MiB


class BadStream(ValueError):
    """The bytes do not decode to an image of the expected shape."""


def inflate(data: bytes, at_most: int, padded: bool = False) -> bytes:
    """Decompress one zlib stream.

    Args:
        at_most: most bytes of output.
        padded: whether other bytes may follow the stream.

    Raises:
        BadStream: damaged, truncated, followed by other bytes, or more than ``at_most`` bytes of output.
    """
    decoder = zlib.decompressobj()
    try:
        found = decoder.decompress(data, at_most + 1)  # one more byte, so that the decoder reads the end of the stream
    except zlib.error:
        raise BadStream("not a readable zlib stream") from None
    _check(found, at_most, decoder.eof, b"" if padded else decoder.unused_data)
    return found


def unxz(data: bytes, at_most: int) -> bytes:
    """Decompress one xz stream; otherwise as :func:`inflate`."""
    decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY)
    try:
        found = decoder.decompress(data, at_most + 1)
    except lzma.LZMAError:
        raise BadStream("not a readable xz stream") from None
    _check(found, at_most, decoder.eof, decoder.unused_data)
    return found


def _check(found: bytes, at_most: int, ended: bool, rest: bytes) -> None:
    if len(found) > at_most:
        raise BadStream(f"it decompresses to more than {at_most:,} bytes")
    if not ended:
        raise BadStream("the stream is truncated")
    if rest:
        raise BadStream("the stream is followed by other bytes")
