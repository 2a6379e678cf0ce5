"""TIFF: which way a file is read, and segments that lie."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from corpus import corpus, gray
from corpus_tiff import tiff

from ripguard.errors import InputRefused
from ripguard.images import tiff as module
from ripguard.images.gate import counted
from ripguard.images.rendering import DecoderMissing, render

BY_NAME = {one.name: one for one in corpus()}


def test_tags():
    found = {name: module.page(counted(one.data)) for name, one in BY_NAME.items() if name.endswith((".tif", ".tiff"))}
    assert {(one.width, one.height) for one in found.values()} == {(48, 40), (40, 48)}
    assert {name for name, one in found.items() if one.more} == {"pages.tif", "raw-below.tif"}
    plain = [name for name, one in found.items() if not one.odd]
    assert {"rgb.tif", "rgba.tif", "palette.tif", "cmyk.tif", "lab.tif", "gray-alpha.tif", "1-bit-group4.tif"} <= set(
        plain
    )
    assert not {"16-bit-rgb.tif", "int8.tif", "infrared.tif", "2-bands.tif", "float16.tif"} & set(plain)


def test_samples_are_those_of_tifffile():
    values = np.random.default_rng(0).integers(0, 1000, (40, 48, 6)).astype(np.uint16)
    for data in (
        tiff(values, planarconfig="contig"),
        tiff(np.moveaxis(values, 2, 0), planarconfig="separate", compression="zlib", tile=(16, 16)),
    ):
        found, turn, profile = module.read(data, "a.tif")
        np.testing.assert_array_equal(found, values)
        assert (turn, profile) == (1, None)


def test_compressions_that_are_not_read():
    """LZW of many bands; of few, Pillow reads it."""
    data = BY_NAME["16-bit-lzw.tif"].data
    assert render(data).differs == ("16 bits",)
    many = bytearray(tiff(np.zeros((8, 8, 5), np.uint16), planarconfig="contig"))
    at = many.index(b"\x03\x01\x03\x00\x01\x00\x00\x00\x01\x00")
    many[at + 8] = 5
    with pytest.raises(DecoderMissing, match="many bands"):
        render(bytes(many))


def test_segments_outside_the_file():
    data = tiff(gray().astype(np.float32))
    for cut in (1, 100, 5000):
        with pytest.raises(InputRefused):
            render(data[:-cut])


def test_volumes_are_refused():
    data = tiff(np.zeros((16, 16, 16), np.float32), volumetric=True, tile=(16, 16, 16))
    with pytest.raises(InputRefused, match="volumes"):
        render(data)


def test_other_files_are_not_opened(tmp_path):  # type: ignore[no-untyped-def]
    """An OME file may name others; only the first page of this one is read."""
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, np.stack([gray().astype(np.uint16) * 257] * 2), ome=True, photometric="minisblack")
    found = render(path.read_bytes())
    assert found.differs == ("several frames", "16 bits")
    np.testing.assert_array_equal(found.image[:, :, 0], gray())
