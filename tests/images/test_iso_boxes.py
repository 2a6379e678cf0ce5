"""Boxes: lengths of 32 and 64 bits and to the end of the file; what they hold beside the pixels."""

from __future__ import annotations

import struct

import pytest
from corpus import corpus

from ripguard.images import iso_boxes
from ripguard.images.chunks import OTHER
from ripguard.images.rendering import render

BY_NAME = {one.name: one.data for one in corpus()}
WALKS = {
    "rgb.jp2": iso_boxes.jp2, "gray.j2k": iso_boxes.jp2, "container.jxl": iso_boxes.jxl, "rgb.avif": iso_boxes.heif,
    "alpha.avif": iso_boxes.heif, "rgb.heic": iso_boxes.heif, "alpha.heic": iso_boxes.heif,
}  # fmt: skip


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


@pytest.mark.parametrize("name", WALKS)
def test_plain_files(name):  # type: ignore[no-untyped-def]
    """Alpha is a kind of its own."""
    data, walk = BY_NAME[name], WALKS[name]
    assert walk(data) == (set(), len(data))
    for cut in range(40, len(data), 7):
        walk(data[:cut])


def test_lengths():
    small, large = box(b"abcd", b"12"), struct.pack(">I4sQ", 1, b"long", 19) + b"123"
    last = struct.pack(">I4s", 0, b"last") + b"123"
    found, end = iso_boxes.listed(small + large + last)
    assert [(name, stop - start) for name, start, stop in found] == [(b"abcd", 2), (b"long", 3), (b"last", 3)]
    assert end == len(small + large + last)
    for wrong in (
        struct.pack(">I", 7) + b"abcd",
        struct.pack(">I", 99) + b"abcd",
        bytes(16),
        b"\0\0\0\x08\xff\xfe\0\1",
    ):
        assert iso_boxes.listed(small + wrong) == ([(b"abcd", 8, 10)], 10)
    many = iso_boxes.listed(box(b"free", b"") * (iso_boxes.MOST + 1))
    assert len(many[0]) == iso_boxes.MOST


def test_two_codestreams():
    """The first is shown."""
    data = BY_NAME["rgb.jp2"]
    stream = data[data.index(b"jp2c") - 4 :]
    assert iso_boxes.images(data) == 1
    assert iso_boxes.images(data + box(b"jp2c", stream[8:])) in (1, 2)
    fixed = data[: -len(stream)] + box(b"jp2c", stream[8:]) * 2
    assert iso_boxes.images(fixed) == 2
    assert render(fixed).differs == ("several frames",)


def test_behind_a_codestream():
    """Within the last box, too."""
    data = BY_NAME["rgb.jp2"]
    at = data.index(b"jp2c") - 4
    inside = data[:at] + box(b"jp2c", data[at + 8 :] + b"S" * 99)
    assert iso_boxes.jp2(inside) == (set(), len(inside) - 99)


def test_color_profiles_and_other_headers_of_jp2():
    data = BY_NAME["rgb.jp2"]
    at = data.index(b"jp2h") - 4
    length = int.from_bytes(data[at : at + 4], "big")
    for more, kind in ((box(b"colr", b"\2\0\0profile"), "ICC profile"), (box(b"abcd", b""), OTHER)):
        header = box(b"jp2h", data[at + 8 : at + length] + more)
        assert iso_boxes.jp2(data[:at] + header + data[at + length :])[0] == {kind}
    twice = data[:at] + data[at : at + length] * 2 + data[at + length :]
    assert OTHER not in iso_boxes.jp2(data)[0]
    assert iso_boxes.jp2(twice)[1] == len(twice)


def test_thumbnails_and_gain_maps():
    """Of items in the box meta, only by their types and relations."""
    name = b"\0\0\0\0urn:com:apple:photo:2020:aux:hdrgainmap\0"
    for inner in (box(b"auxC", name), box(b"iref", bytes(4) + box(b"thmb", bytes(6)))):
        meta = box(b"meta", bytes(4) + inner)
        assert iso_boxes.heif(box(b"ftyp", b"heic") + meta) == ({OTHER}, 12 + 0 + len(meta))
    for kind, found in ((b"hvc1", set()), (b"Exif", set()), (b"tmap", {OTHER})):
        for head in (b"\2\0\0\0\0\1\0\0", b"\3\0\0\0\0\0\0\1\0\0"):
            meta = box(b"meta", bytes(4) + box(b"infe", head + kind + b"\0"))
            assert iso_boxes.heif(box(b"ftyp", b"heic") + meta)[0] == found
