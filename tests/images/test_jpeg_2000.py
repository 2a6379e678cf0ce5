"""Heads of JPEG 2000 codestreams, and boxes of AVIF and HEIC."""

from __future__ import annotations

import pytest
from corpus import corpus, photo, saved
from PIL import Image

from ripguard.errors import InputRefused
from ripguard.images import boxes, jpeg_2000

BY_NAME = {one.name: one.data for one in corpus()}


def test_heads():
    (head,) = jpeg_2000.heads(BY_NAME["rgb.jp2"])
    assert (head.width, head.height, head.tiles, head.bits, head.signed) == (48, 40, 1, (8, 8, 8), False)
    (deep,) = jpeg_2000.heads(BY_NAME["16-bit.jp2"])
    assert deep.bits == (16,)
    small = saved(
        Image.fromarray(photo()), "JPEG2000", tile_size=(16, 16), precinct_size=(16, 16), codeblock_size=(4, 4)
    )
    (tiled,) = jpeg_2000.heads(small)
    assert tiled.tiles == 9
    assert tiled.precincts == 3 * 5 * 9  # channels, resolutions, precincts of 16, 8, 4, 2 and 1 pixels
    plain = BY_NAME["rgb.j2c"]
    start, style = plain.index(b"\xff\x90"), b"\xff\x52\0\x0e\1\0\0\1\0\1\4\4\0\0\0\0"
    (late,) = jpeg_2000.heads(plain[: start + 12] + style + plain[start + 12 :])  # in the header of the tile
    assert late.precincts == 3 * (48 * 40 + 24 * 20)
    assert jpeg_2000.heads(b"") == []
    with pytest.raises(InputRefused):
        jpeg_2000.check(BY_NAME["rgb.jp2"][:100], "a")


def test_boxes():
    for name in ("rgb.avif", "rgb.heic", "turned-6.hif", "turned-6.avif", "two.heic"):
        assert boxes.size(BY_NAME[name]) == (48, 40), name
    assert (boxes.bits(BY_NAME["rgb.avif"]), boxes.bits(BY_NAME["rgb.heic"]), boxes.bits(BY_NAME["10-bit.heic"])) == (
        8,
        8,
        10,
    )
    twelve = BY_NAME["rgb.avif"].replace(b"av1C\x81\x20\x0c", b"av1C\x81\x40\x6c")
    flags = BY_NAME["rgb.avif"].index(b"av1C") + 6
    for mask, bits in ((0x40, 10), (0x60, 12)):
        data = bytearray(twelve)
        data[flags] |= mask
        assert boxes.bits(bytes(data)) == bits
    with pytest.raises(InputRefused):
        boxes.check(b"\0\0\0\x10ftypavif" + bytes(100), "a")
    with pytest.raises(InputRefused, match="too many"):
        boxes.check(b"\0\0\0\x14ispe" * 1001 + bytes(20), "a")
