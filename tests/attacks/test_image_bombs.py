"""Small files that claim, or decompress to, more than an image may have: refused before a pixel is decoded."""

from __future__ import annotations

import functools
import io
import re
import struct
import zlib

import made
import numpy as np
import pydicom.uid
import pytest
from corpus import corpus, gray
from corpus_other import dicom, packed
from corpus_tiff import tiff
from image_files import chunk

from ripguard.errors import InputRefused
from ripguard.images import limits
from ripguard.images.decoding import metadata, samples_claimed
from ripguard.images.rendering import as_pil, render

SIDE = 60_000
LARGE = struct.pack(">II", SIDE, SIDE)


def sample(name: str) -> bytes:
    return next(one.data for one in corpus() if one.name == name)


def large_items(name: str) -> bytes:
    """A file whose items all claim to be large."""
    return re.sub(rb"(?s)ispe(....)........", rb"ispe\1" + LARGE, sample(name))


def jxl(width: int, height: int, extra: int = 0) -> bytes:
    """The header of a JPEG XL codestream."""
    fields = [(0, 1), (3, 2), (height - 1, 30), (0, 3), (3, 2), (width - 1, 30)]
    fields += [(1, 1)] if not extra else [(0, 1), (0, 1), (0, 1), (0, 2), (0, 1), (3, 2), (extra - 1, 12)]
    value, at = 0, 0
    for number, bits in fields:
        value |= number << at
        at += bits
    return b"\xff\x0a" + value.to_bytes(64, "little") + sample("rgb.jxl")[20:]


def zip_bomb() -> bytes:
    """A TIFF of 8×8 pixels whose strip decompresses to a hundred megabytes."""
    whole = tiff(np.zeros((8, 8), np.float32), compression="zlib")
    strip = zlib.compress(bytes(100_000_000), 9)
    entries = int.from_bytes(whole[4:8], "little")
    data = bytearray(whole)
    for at in range(entries + 2, entries + 2 + 12 * int.from_bytes(whole[entries : entries + 2], "little"), 12):
        tag = int.from_bytes(data[at : at + 2], "little")
        if tag in (273, 279):
            data[at + 2 : at + 12] = struct.pack("<HII", 4, 1, len(whole) if tag == 273 else len(strip))
    return bytes(data) + strip


def many_bands(strip: bytes, bands: int = 1000, side: int = 1500) -> bytes:
    """A 16-bit deflate TIFF of many bands, one strip a band; all strips are the same bytes."""
    tags = [(256, [side]), (257, [side]), (258, [16] * bands), (259, [8]), (262, [1]), (273, [8] * bands)]
    tags += [(277, [bands]), (278, [side]), (279, [len(strip)] * bands), (284, [2]), (338, [0] * (bands - 1))]
    start, more = 8 + len(strip), b""
    entries, behind = b"", start + 2 + 12 * len(tags) + 4
    for tag, values in tags:
        packed_values = struct.pack(f"<{len(values)}I", *values)
        place = packed_values if len(values) == 1 else struct.pack("<I", behind + len(more))
        more += packed_values if len(values) > 1 else b""
        entries += struct.pack("<HHI", tag, 4, len(values)) + place
    head = struct.pack("<2sHI", b"II", 42, start) + strip
    return head + struct.pack("<H", len(tags)) + entries + bytes(4) + more


def wide_tiff() -> bytes:
    """A 16-bit TIFF of 8×8 pixels that claims 60,000×60,000."""
    data = tiff(np.zeros((8, 8, 5), np.uint16), planarconfig="contig")
    for tag in (256, 257):
        found = [at for at in range(len(data)) if data[at : at + 8] in _entries(tag)]
        data = data[: found[0] + 2] + struct.pack("<HII", 4, 1, SIDE) + data[found[0] + 12 :]
    return data


def _entries(tag: int) -> tuple[bytes, ...]:
    return tuple(struct.pack("<HHI", tag, kind, 1) for kind in (3, 4))


def hidden_codestream() -> bytes:
    """A JPEG 2000 file whose boxes state another size than the codestream."""
    whole = sample("rgb.jp2")
    at = whole.index(b"\xff\x4f\xff\x51") + 8
    return whole[:at] + struct.pack(">II", SIDE, SIDE) + whole[at + 8 :]


def tiny_precincts() -> bytes:
    """A codestream of few bytes with a precinct for each pixel."""
    size = struct.pack(">HHHIIIIIIIIH3B", 0xFF51, 41, 0, 7000, 7000, 0, 0, 7000, 7000, 0, 0, 1, 7, 1, 1)
    style = struct.pack(">HHBBHBBBBBB", 0xFF52, 14, 1, 0, 1, 0, 1, 4, 4, 0, 0) + b"\0\0"
    return b"\xff\x4f" + size + style + bytes(60)


@functools.cache
def bombs() -> dict[str, tuple[bytes, str]]:
    """Name → file, and words of its refusal."""
    whole, pixels = (1 << 16) - 1, "more than 50,000,000 pixels"
    gif, tga = bytearray(sample("palette.gif")), bytearray(sample("run-length.tga"))
    gif[6:10] = tga[12:16] = struct.pack("<HH", whole, whole)
    head = io.BytesIO()
    shape = {"descr": "<f8", "fortran_order": False, "shape": (SIDE, SIDE)}
    np.lib.format.write_array_header_1_0(head, shape)
    few = io.BytesIO()
    np.lib.format.write_array_header_1_0(few, shape | {"shape": (7000, 7000)})
    png = made.png(made.wide(np.zeros((2, 2), np.uint16)), 0, 16)
    ihdr = chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 16, 0, 0, 0, 0))
    frame = sample("gray.jpe")
    at = frame.index(b"\xff\xc0") + 5
    large = frame[:at] + struct.pack(">HH", whole, whole) + frame[at + 4 :]
    return {
        "GIF": (bytes(gif), pixels),
        "TGA": (bytes(tga), pixels),
        "PNG": (png[:8] + ihdr + png[33:], pixels),
        "JPEG 2000": (sample("rgb.j2c").replace(struct.pack(">II", 48, 40), LARGE), pixels),
        "JPEG 2000, hidden": (hidden_codestream(), pixels),
        "JPEG 2000, precincts": (tiny_precincts(), "too many chunks"),
        "AVIF": (large_items("rgb.avif"), pixels),
        "HEIC": (large_items("rgb.heic"), pixels),
        "JPEG XL": (jxl(SIDE, SIDE), pixels),
        "JPEG XL, channels": (jxl(100, 100, 4000), "too many channels"),
        "TIFF": (wide_tiff(), pixels),
        "TIFF, zipped": (zip_bomb(), "larger than its image"),
        "TIFF, many bands": (many_bands(zlib.compress(bytes(1000))), "samples of more bytes than an image"),
        "TIFF, empty strips": (many_bands(b"", 100), "the TIFF file is truncated"),
        "TIFF, short strips": (many_bands(zlib.compress(bytes(1000)), 100), "the TIFF file is truncated"),
        "NPY": (head.getvalue() + bytes(100), pixels),
        "NPY, short": (few.getvalue() + bytes(100), "not a readable"),
        "PAM": (sample("rgb.pam").replace(b"WIDTH 48", b"WIDTH 99999999"), pixels),
        "PFM": (sample("gray.pfm").replace(b"48 40", b"60000 60000"), pixels),
        "DICOM": (dicom(gray(), Rows=whole, Columns=whole), pixels),
        "DICOM, frame": (packed(large, gray(), pydicom.uid.JPEGBaseline8Bit, "MONOCHROME2"), pixels),
        "DICOM, deflated": (dicom(gray(), syntax=pydicom.uid.DeflatedExplicitVRLittleEndian), "a deflated DICOM"),
    }


@pytest.mark.parametrize("name", sorted(bombs()))
def test_is_refused(name, monkeypatch):  # type: ignore[no-untyped-def]
    """By the limit, in a sentence, without decoding."""
    data, words = bombs()[name]
    for decoder in ("PIL.ImageFile.ImageFile.load", "tifffile.TiffPage.asarray", "pydicom.pixels.pixel_array"):
        monkeypatch.setattr(decoder, None)
    with pytest.raises(InputRefused, match=words) as caught:
        render(data, "somewhere.x")
    assert "somewhere.x" in caught.value.message
    if words.endswith("pixels"):
        assert "--max-pixels" in caught.value.hint
    with pytest.raises(InputRefused):
        as_pil(data)
    monkeypatch.setattr("zlib.decompress", None)  # without a limit
    samples_claimed(data)
    if name.startswith(("GIF", "JPEG", "AVIF", "HEIC", "TGA")):
        with pytest.raises(InputRefused):
            metadata(data)


def test_the_limit_is_an_option(monkeypatch):  # type: ignore[no-untyped-def]
    """Every format follows it, downwards too."""
    monkeypatch.setenv(limits.VARIABLE, str(48 * 40 - 1))
    for one in corpus():
        if one.reference is not None:
            with pytest.raises(InputRefused, match=r"pixels|bytes, more than"):
                render(one.data, one.name)
    with limits.allowing(48 * 40):
        assert render(sample("16-bit-rgb.tif")).image.shape == (40, 48, 3)
    with limits.allowing(3 * 48 * 40):  # 26 bytes for each pixel
        assert render(sample("13-bands-16-bit.tif")).image.shape == (40, 48, 3)


def test_logs_stay_empty(caplog):  # type: ignore[no-untyped-def]
    """Libraries do not write about damaged files to the terminal."""
    for name in ("13-bands-16-bit.tif", "8-bit.dcm"):
        data = bytearray(sample(name))
        data[150:170] = bytes(range(200, 220))
        with pytest.raises(InputRefused):
            render(bytes(data[:-200]))
    assert not caplog.records
