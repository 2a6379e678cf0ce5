"""Formats are recognized by bytes alone; names matter only for TGA."""

from __future__ import annotations

import made
import numpy as np
import pytest
from corpus import corpus, photo, saved

from ripguard.errors import InputRefused
from ripguard.images.formats import START, format_of, recognized, signed_format, usual_suffix
from ripguard.images.limits import REFUSED_SUFFIXES, SUFFIXES, VARIABLE

BY_SUFFIX = {
    "PNG": ".png .apng", "JPEG": ".jpg .jpeg .jpe .jfif .mpo", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp",
    "DIB": ".dib", "TIFF": ".tif .tiff", "TGA": ".tga", "PNM": ".ppm .pgm .pbm .pnm .pam .pfm", "DICOM": ".dcm",
    "JPEG 2000": ".jp2 .j2k .jpx .j2c", "JPEG XL": ".jxl", "AVIF": ".avif", "HEIC": ".heic .heif .hif", "NPY": ".npy",
}  # fmt: skip


def test_every_suffix_has_samples():
    """And each is recognized, from its first bytes too."""
    formats = {suffix: kind for kind, suffixes in BY_SUFFIX.items() for suffix in suffixes.split()}
    assert set(formats) == SUFFIXES
    seen = set()
    for sample in corpus():
        suffix = "." + sample.name.rpartition(".")[2]
        if sample.reference is not None and sample.name != "named-as-png.png":
            assert format_of(sample.data) == formats[suffix], sample.name
            assert format_of(sample.data[:START], sample.name, len(sample.data)) == formats[suffix], sample.name
            seen.add(suffix)
    assert seen == SUFFIXES
    assert not SUFFIXES & REFUSED_SUFFIXES
    assert {usual_suffix(kind) for kind in BY_SUFFIX} <= SUFFIXES


def test_tga_by_name_footer_and_header():
    """In this order; what is no TGA is none under any other name."""
    rows = photo()[:, :, ::-1].copy()
    plain = made.tga(rows, 2, 24, 0x20)
    assert format_of(plain) == "TGA"
    odd = plain[:17] + b"\x60" + plain[18:]  # reserved bits
    assert format_of(odd) == ""
    assert format_of(odd, "a.TGA") == "TGA"
    assert format_of(odd + made.TGA_FOOTER) == "TGA"
    assert format_of(plain[:-1]) == ""  # no room for its pixels
    for junk in (b"", bytes(17), bytes(5000), b"hello world, this is a text" * 9, b"\0\1\1" + bytes(100)):
        assert format_of(junk, "a.tga") == ""
    draw = np.random.default_rng(0)
    assert sum(bool(format_of(draw.bytes(300))) for _ in range(3000)) == 0


def test_containers_of_both():
    """A file of the brand mif1 is AVIF or HEIC by its other brands."""
    for brands, kind in ((b"mif1avif", "AVIF"), (b"mif1heic", "HEIC"), (b"mif1miaf", "HEIC"), (b"isommp42", "")):
        data = (16 + len(brands) - 4).to_bytes(4, "big") + b"ftyp" + brands[:4] + bytes(4) + brands[4:] + bytes(90)
        assert signed_format(data) == kind


def test_what_is_no_image(monkeypatch):  # type: ignore[no-untyped-def]
    for data in (b"", b"x", saved(photo(), "ICO"), b"RIFF\0\0\0\0WAVE" + bytes(200)):
        with pytest.raises(InputRefused, match=r"a\.png: not a readable image"):
            recognized(data, "a.png")
    with pytest.raises(InputRefused, match="not an image"):
        recognized(b"version https://git-lfs.github.com/spec/v1\n", "a.png")
    monkeypatch.setenv(VARIABLE, "10")
    with pytest.raises(InputRefused, match="more bytes than an image of 10 pixels takes"):
        recognized(saved(photo(), "PNG"), "a.png")
