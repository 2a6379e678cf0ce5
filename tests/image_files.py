"""Bytes of image files, odd ones too, for tests of decoding and for files that were made to hurt."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

RGB = np.random.default_rng(0).integers(0, 256, (9, 7, 3)).astype(np.uint8)


def saved(image: Image.Image, kind: str, **options) -> bytes:  # type: ignore[no-untyped-def]
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_16_bit() -> bytes:
    """A 16-bit RGB PNG: Pillow opens it as 8-bit without a word."""
    rows = b"".join(b"\0" + bytes(2 * 3 * 4) for _ in range(4))
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    packed = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def tiff(samples: int, photometric: int, extra: bytes = b"") -> bytes:
    """A TIFF of 4×4 pixels with so many 8-bit samples a pixel. ``extra``: more tags, packed."""
    data = bytes(range(16 * samples))
    at = 8 + len(data)
    tags = [(256, 4, 4), (257, 4, 4), (262, 3, photometric), (273, 4, 8), (277, 3, samples), (279, 4, len(data))]
    packed = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    bits = struct.pack("<HHII", 258, 3, samples, {1: 8, 2: 8 | 8 << 16}.get(samples, at))
    count = len(tags) + 1 + len(extra) // 12
    entries = packed[:24] + bits + packed[24:] + extra  # in the order of their numbers
    return (
        struct.pack("<2sHI", b"II", 42, at + 2 * samples)
        + data
        + struct.pack("<H", 8) * samples
        + struct.pack("<H", count)
        + entries
        + bytes(4)
    )


def with_chunk(data: bytes, name: bytes, content: bytes, at: int) -> bytes:
    """A PNG with one more chunk at a byte position."""
    check = struct.pack(">I", zlib.crc32(name + content))
    return data[:at] + struct.pack(">I", len(content)) + name + content + check + data[at:]


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def segment(marker: int, content: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content


def frames(count: int) -> bytes:
    """A TIFF that tells of its one image so many times."""
    one = tiff(1, 1)
    entries = one[struct.unpack("<I", one[4:8])[0] : -4]
    links = (struct.pack("<I", len(one) + i * (len(entries) + 4)) for i in range(count - 1))
    return one[:-4] + b"".join(link + entries for link in links) + bytes(4)


def strips(count: int) -> bytes:
    """A TIFF of 4×4 pixels that tells of so many strips."""
    one, where = tiff(1, 1), len(tiff(1, 1))
    return one.replace(struct.pack("<HHII", 273, 4, 1, 8), struct.pack("<HHII", 273, 4, count, where)) + bytes(
        4 * count
    )


def run_length(width: int, height: int) -> bytes:
    """A BMP of gray levels whose pixels are all left out: each line ends after its first."""
    gray, lines = b"".join(bytes((i, i, i, 0)) for i in range(256)), b"\1\7\0\0" * height + b"\0\1"
    size = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(lines), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 1024 + len(lines), 0, 0, 54 + 1024) + size + gray + lines


def webp_canvas(width: int, height: int) -> bytes:
    """A WebP file of one image that says its canvas has another size."""
    still = saved(Image.fromarray(RGB), "WEBP", lossless=True)[12:]
    body = (
        b"WEBPVP8X" + struct.pack("<II", 10, 0) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    )
    return b"RIFF" + struct.pack("<I", len(body + still)) + body + still
