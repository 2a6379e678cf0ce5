"""Parts of PNG, JPEG, WebP and GIF files: found by their lengths, also in damaged and hostile files."""

from __future__ import annotations

import struct

import pytest
from corpus import corpus
from image_files import chunk, segment

from ripguard.images import chunks

BY_NAME = {one.name: one.data for one in corpus()}
WALKS = {"rgb.png": chunks.png, "fine.jpg": chunks.jpeg, "lossless.webp": chunks.webp, "gray.gif": chunks.gif}


@pytest.mark.parametrize("name", WALKS)
def test_every_truncation(name):  # type: ignore[no-untyped-def]
    """No error, and no end within the file that is left."""
    data, walk = BY_NAME[name], WALKS[name]
    assert walk(data) == (set(), len(data))
    assert walk(data + b"more") == (set(), len(data))
    for cut in range(26, len(data) - 1):
        found, end = walk(data[:cut])
        assert not found
        assert end >= cut


def test_so_many_parts():
    """Walks end; what they have not seen counts as other data, or the decoder refuses the file."""
    more = chunks.LONGEST + 1
    png = BY_NAME["rgb.png"]
    many = png[:33] + chunk(b"IDAT", b"") * more + png[33:]
    assert chunks.png(many) == ({chunks.OTHER}, len(many))
    gif = BY_NAME["gray.gif"]
    many = gif[:-1] + b"\x21\xf9" + b"\1x" * more + b"\0" + gif[-1:]
    assert chunks.gif(many) == (set(), len(many))
    jpeg = BY_NAME["fine.jpg"]
    many = jpeg[:2] + segment(0xFE, b"") * more + jpeg[2:]
    assert chunks.jpeg(many) == ({"text"}, len(many))


def test_lengths_that_lie():
    """A part that reaches over the end of the file ends the walk."""
    png = BY_NAME["rgb.png"]
    lying = png[:33] + struct.pack(">I", 0xFFFFFFFF) + b"IDAT" + png[33:]
    assert chunks.png(lying) == (set(), len(lying))
    webp = BY_NAME["lossless.webp"]
    lying = webp[:4] + b"\xff\xff\xff\xff" + webp[8:]
    assert chunks.webp(lying) == (set(), len(lying))


def test_a_second_image_in_a_webp():
    """Decoders show the first."""
    webp = BY_NAME["lossless.webp"]
    body = webp[8:] + webp[12:]
    assert chunks.webp(b"RIFF" + struct.pack("<I", len(body)) + body)[0] == {chunks.OTHER}


def test_color_tables_of_a_gif():
    """A frame may have its own."""
    gif = BY_NAME["gray.gif"]
    at = gif.index(b"\x2c", 13 + 768)
    own = gif[: at + 9] + b"\x87" + bytes(768) + gif[at + 10 :]
    assert chunks.gif(own) == (set(), len(own))
