"""Every coder gives the same samples back, declines what it cannot hold, and refuses streams that are not its own."""

from __future__ import annotations

import io
import lzma
import struct
import zlib

import numpy as np
import pytest
from helpers import crop
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from small_models import MODELS

from ripguard.codecs import jxl
from ripguard.codecs.bounded import inflate, unxz
from ripguard.codecs.coders import BY_NUMBER, CODERS, WHOLE, BadStream, cheapest
from ripguard.codecs.interlaced import networks
from ripguard.errors import MissingExtra
from ripguard.images import jpeg_xl
from ripguard.images.encoding import png_bytes

MODEL = {channels: networks.pack(model) for channels, model in MODELS.items()}


def test_numbers_are_the_format():
    """They stand in published images."""
    assert {name: coder.number for name, coder in CODERS.items()} == {
        "raw": 0, "file": 1, "webp": 2, "jxl": 3, "interlaced": 4, "xz": 5
    }  # fmt: skip
    assert set(BY_NUMBER) == set(range(6))


@given(st.integers(1, 24), st.integers(1, 24), st.sampled_from([1, 3]), st.integers(0, 2**32 - 1))
def test_round_trip(height, width, channels, seed):  # type: ignore[no-untyped-def]
    """All coders that this machine has, on noise and on a flat image."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, channels)).astype(np.uint8)
    images = np.stack([noise, noise // 64 * 64])
    files = [png_bytes(one) for one in images]
    for coder in CODERS.values():
        data = coder.encode(images, files, MODEL[channels])
        if data[0] is not None:
            np.testing.assert_array_equal(coder.decode(list(data), noise.shape, MODEL[channels]), images)  # type: ignore[arg-type]


def test_the_cheapest_is_taken():
    """A JPEG file for an image born as one; WebP for a flat image; samples where nothing else is allowed to work."""
    buffer = io.BytesIO()
    Image.fromarray(crop(1)).save(buffer, "JPEG", quality=75)
    born = np.asarray(Image.open(io.BytesIO(buffer.getvalue())))
    flat = np.full_like(born, 200)
    found = cheapest(np.stack([born, flat]), [buffer.getvalue(), png_bytes(flat)], ("file", "webp", "interlaced"))
    assert [BY_NUMBER[number].name for number, _ in found] == ["file", "webp"]
    assert found[0][1] == buffer.getvalue()
    assert cheapest(born[None], [], ("interlaced",)) == [(0, born.tobytes())]
    stored = io.BytesIO()
    Image.fromarray(flat).save(stored, "PNG", compress_level=0)
    ((number, data),) = cheapest(flat[None], [stored.getvalue()], WHOLE)
    assert BY_NUMBER[number].name == "xz"
    assert CODERS["xz"].source(data, flat.shape) == stored.getvalue()
    assert len(data) < 200


def test_what_a_coder_cannot_hold_it_declines():
    """WebP has no side above 16,383 pixels; the small-image coder wants its model's channels and a small image."""
    assert CODERS["webp"].encode(np.zeros((1, 1, 16400, 3), np.uint8), [], b"") == [None]
    assert CODERS["interlaced"].encode(crop(0)[None], [], MODEL[1]) == [None]
    assert CODERS["interlaced"].encode(np.zeros((1, 300, 300, 3), np.uint8), [], MODEL[3]) == [None]
    assert CODERS["file"].encode(crop(0)[None], [], b"") == [None]


@pytest.mark.parametrize("name", ["raw", "file", "xz", "webp", "interlaced"])
def test_other_streams_are_refused(name):  # type: ignore[no-untyped-def]
    """Bytes that are no stream, and a good stream of another size. (Garbage *is* a stream of the small-image coder.)"""
    other = crop(0, 16, 8)[None]
    stream = CODERS[name].encode(other, [png_bytes(other[0])], MODEL[3])[0]
    assert stream is not None
    wrong = [] if name == "interlaced" else [b"garbage", stream]
    for data in wrong:
        with pytest.raises(BadStream):
            CODERS[name].decode([data], (32, 32, 3), MODEL[3])
    if name == "interlaced":
        for model in (b"", b"rgi1", MODEL[1]):
            with pytest.raises(BadStream):
                CODERS[name].decode([stream], (16, 8, 3), model)


@pytest.mark.parametrize(
    ("packed", "unpack"), [(zlib.compress(b"x" * 1000), inflate), (lzma.compress(b"x" * 1000), unxz)]
)
def test_decompression_is_bounded(packed, unpack):  # type: ignore[no-untyped-def]
    """As many bytes as may come out do; one more, a cut, anything behind and garbage are refused."""
    assert unpack(packed, 1000) == unpack(packed, 5000) == b"x" * 1000
    for data, most in (
        (packed, 999),
        (packed, 0),
        (packed[:-1], 1000),
        (packed + b"\0", 1000),
        (b"garbage", 9),
        (b"", 9),
    ):
        with pytest.raises(BadStream):
            unpack(data, most)
    if unpack is inflate:
        assert inflate(packed + bytes(50), 1000, padded=True) == b"x" * 1000


def test_an_xz_stream_wants_little_memory():
    """One that asks for a dictionary of a gigabyte is refused."""
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 30}]
    with pytest.raises(BadStream, match="xz"):
        unxz(lzma.compress(b"x", check=lzma.CHECK_NONE, filters=filters), 100)


SIDES = (1, 2, 7, 8, 9, 16, 255, 256, 257, 264, 513, 1025, 8193)


@pytest.mark.parametrize("height", SIDES)
def test_the_size_of_jxl_streams(height):  # type: ignore[no-untyped-def]
    """As the library writes them: small and large, even and odd, square and in the ratios that have a code, gray."""
    if CODERS["jxl"].encode(crop(0)[None], [], b"")[0] is None:
        pytest.skip("this machine has no such coder")
    widths = {w for w in (*SIDES, height, height * 6 // 5, height * 4 // 3, height * 3 // 2, height * 2) if w}
    for width in sorted(w for w in widths if w * height <= 600_000):
        for mode in ("L", "RGB"):
            buffer = io.BytesIO()
            Image.new(mode, (width, height)).save(buffer, "JXL", lossless=True, effort=1)
            assert jxl.size(buffer.getvalue()) == (height, width)


def box(kind: bytes, content: bytes, large: bool = False) -> bytes:
    length = len(content) + 8
    return (struct.pack(">I4sQ", 1, kind, length + 8) if large else struct.pack(">I4s", length, kind)) + content


def test_the_size_of_jxl_containers():
    """The codestream whole or in parts, behind other boxes, with long lengths, up to the end of the file."""
    stream = bytes.fromhex("ff0a80005682a0b8110804010018004b188b158201")  # 17×300, as the library wrote it
    assert jxl.size(stream) == (17, 300)
    start = jpeg_xl.CONTAINER + box(b"ftyp", b"jxl \0\0\0\0jxl ")
    parts = box(b"jxlp", bytes(4) + stream[:3]) + box(b"Exif", bytes(40)) + box(b"jxlp", b"\x80\0\0\1" + stream[3:])
    for data in (box(b"jxlc", stream), box(b"jxlc", stream, True), parts, struct.pack(">I4s", 0, b"jxlc") + stream):
        assert jxl.size(start + data) == (17, 300)
    for data in (
        b"", start, start + box(b"free", bytes(9)) * 100 + box(b"jxlc", stream),
        start + box(b"jbrd", b"") + box(b"jxlc", stream),
        start + struct.pack(">I4s", 7, b"free") * 5, stream[:4], stream[1:], box(b"jxlc", stream), b"\xff\x0a",
    ):  # fmt: skip
        with pytest.raises(BadStream):
            jxl.size(data)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "I;16"])
def test_other_jxl_streams_are_refused(mode):  # type: ignore[no-untyped-def]
    """Alpha and deep samples, which no image here has, and which cost more than its pixels."""
    if CODERS["jxl"].encode(crop(0)[None], [], b"")[0] is None:
        pytest.skip("this machine has no such coder")
    buffer = io.BytesIO()
    Image.new(mode, (9, 9)).save(buffer, "JXL", lossless=True)
    with pytest.raises(BadStream, match="of a kind that ripguard does not write"):
        CODERS["jxl"].decode([buffer.getvalue()], (9, 9, 3), b"")


def test_a_missing_codec_is_named(monkeypatch):  # type: ignore[no-untyped-def]
    """Without its library JPEG XL is not written, and asked for by name when it must be read."""
    monkeypatch.setitem(__import__("sys").modules, "pillow_jxl", None)
    assert CODERS["jxl"].encode(crop(0)[None], [], b"") == [None]
    with pytest.raises(MissingExtra, match="jxl"):
        CODERS["jxl"].decode([b"x"], (32, 32, 3), b"")
