"""Tags of a TIFF: classic and big, in both byte orders, with parts wherever they stand."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from corpus import corpus, photo
from corpus_tiff import tiff

from ripguard.images import tiff_tags
from ripguard.images.chunks import OTHER

BY_NAME = {one.name: one.data for one in corpus()}


@pytest.mark.parametrize("name", ["rgb.tif", "big-endian.tif", "big.tif", "tiles.tif", "planes.tif", "jpeg.tif"])
def test_plain_files(name):  # type: ignore[no-untyped-def]
    """They end where the last part does; a cut file has its end behind its own, or no tags."""
    data = BY_NAME[name]
    found, end = tiff_tags.kinds(data)
    assert found == set()
    assert len(data) - 1 <= end <= len(data)
    for cut in range(16, len(data), 11):
        tiff_tags.kinds(data[:cut])


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", "<>")
def test_private_tags(order, big):  # type: ignore[no-untyped-def]
    data = tiff(photo(), "rgb", byteorder=order, bigtiff=big, extratags=[(65000, "d", 4, (1.0, 2.0, 3.0, 4.0), True)])
    found, end = tiff_tags.kinds(data)
    assert found == {OTHER}
    assert len(data) - 1 <= end <= len(data)


def test_pages_have_no_end():
    for name in ("pages.tif", "raw-below.tif"):
        assert tiff_tags.kinds(BY_NAME[name] + b"more")[1] == len(BY_NAME[name]) + 4


def test_hostile_directories():
    """A directory in itself, many tags, and lengths beyond the file end the walk."""
    itself = struct.pack("<2sHIHHHIII", b"II", 42, 8, 1, 34665, 4, 1, 8, 0)
    assert tiff_tags.kinds(itself) == ({"EXIF"}, len(itself))
    tags = b"".join(struct.pack("<HHII", 273 + i % 2, 4, 0xFFFFFFF0, 8) for i in range(60_000))
    many = struct.pack("<2sHIH", b"II", 42, 8, 60_000) + tags + bytes(4)
    assert tiff_tags.kinds(many)[1] == len(many)
    huge = struct.pack("<2sHHHQQ", b"II", 43, 8, 0, 16, 2**64 - 1) + bytes(100)
    assert tiff_tags.kinds(huge)[1] > len(huge)
    assert tiff_tags.kinds(struct.pack("<2sHI", b"II", 42, 2**32 - 1))[0] == set()


def test_a_repeated_tag_is_read_once(monkeypatch):  # type: ignore[no-untyped-def]
    """Otherwise a file of many names for one list would be read as often."""
    read, before = [], np.frombuffer
    monkeypatch.setattr(tiff_tags.np, "frombuffer", lambda *more: read.append(more) or before(*more))
    tags = struct.pack("<HHII", 273, 4, 100, 8) * 4000
    tiff_tags.kinds(struct.pack("<2sHIH", b"II", 42, 8, 4000) + tags + bytes(4))
    assert len(read) == 1
