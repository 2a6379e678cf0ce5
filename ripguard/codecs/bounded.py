"""Decompression that knows how much may come out: what would give more, or ends in the middle, is refused.

Streams come out of sealed records, and who holds the key can seal anything: a few kilobytes that unpack to gigabytes.
"""

from __future__ import annotations

import lzma
import zlib

MEMORY = 64 << 20  # bytes that an xz decoder may work with; ours never asks for more than 8 MiB of dictionary


class BadStream(ValueError):
    """These bytes do not decode to an image of the expected shape."""


def inflate(data: bytes, at_most: int, padded: bool = False) -> bytes:
    """What a whole zlib stream holds.

    Args:
        at_most: bytes that may come out.
        padded: whether other bytes may follow the stream.

    Raises:
        BadStream: damaged, cut off, followed by something else, or more comes out.
    """
    decoder = zlib.decompressobj()
    try:
        found = decoder.decompress(data, at_most + 1)  # one more, so that the end of the stream is read
    except zlib.error:
        raise BadStream("not a readable zlib stream") from None
    _check(found, at_most, decoder.eof, b"" if padded else decoder.unused_data)
    return found


def unxz(data: bytes, at_most: int) -> bytes:
    """What a whole .xz file holds; as :func:`inflate`."""
    decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY)
    try:
        found = decoder.decompress(data, at_most + 1)
    except lzma.LZMAError:
        raise BadStream("not a readable xz stream") from None
    _check(found, at_most, decoder.eof, decoder.unused_data)
    return found


def _check(found: bytes, at_most: int, ended: bool, rest: bytes) -> None:
    if len(found) > at_most:
        raise BadStream(f"more than the {at_most:,} bytes that it can hold")
    if not ended:
        raise BadStream("a stream that is cut off")
    if rest:
        raise BadStream("something stands behind the end of the stream")
