"""What files hold beside their samples is counted, whatever the format; plain files have nothing."""

from __future__ import annotations

import contextlib
import io
import struct

import made
import numpy as np
import pytest
import tifffile
from corpus import corpus, gray, photo, saved
from image_files import chunk, segment
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from ripguard.errors import InputRefused
from ripguard.images.metadata import BEHIND, KINDS, OTHER, jpeg_end, metadata, metadata_of
from ripguard.images.rendering import render

BY_NAME = {one.name: one.data for one in corpus()}
SINGLE = [
    one for one in corpus() if one.data.startswith(b"\xff\xd8") and "mpo" not in one.name and "motion" not in one.name
]
PNG, JPEG, WEBP = BY_NAME["rgb.png"], BY_NAME["fine.jpg"], BY_NAME["lossless.webp"]
# exact files with something beside the samples
HOLD_MORE = {
    "container.jxl": "ICC profile", "decimal.pnm": "text", "gray.j2k": "text", "gray.jxl": "ICC profile",
    "icc-damaged.png": "ICC profile", "icc-of-another-mode.png": "ICC profile", "icc-srgb.png": "ICC profile",
    "lossy.jp2": "text", "lossy.jxl": "ICC profile", "motion.jpg": BEHIND, "not-turned.heic": "EXIF",
    "orientation-0.jpg": "EXIF", "orientation-9.jpg": "EXIF", "rgb.j2c": "text", "rgb.jp2": "text",
    "rgb.jxl": "ICC profile", "turned-1.jpg": "EXIF", "turned-3.heic": "EXIF", "turned-6.hif": "EXIF",
}  # fmt: skip


def png_with(name: bytes, content: bytes) -> bytes:
    return PNG[:33] + chunk(name, content) + PNG[33:]


def jpeg_with(marker: int, content: bytes) -> bytes:
    return JPEG[:2] + segment(marker, content) + JPEG[2:]


def webp_with(name: bytes, content: bytes) -> bytes:
    body = WEBP[8:] + name + struct.pack("<I", len(content)) + content
    return b"RIFF" + struct.pack("<I", len(body)) + body


def gif_with(extension: bytes) -> bytes:
    data = BY_NAME["gray.gif"]
    return data[:-1] + extension + data[-1:]


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def tiff_with(*tags: tuple, **options: object) -> bytes:  # type: ignore[type-arg]
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, photo(), photometric="rgb", metadata=None, software=False, extratags=tags, **options)
    return buffer.getvalue()


def profiled_bmp() -> bytes:
    """A BMP with a BITMAPV5HEADER and a profile behind the pixels."""
    rows = photo()[::-1, :, ::-1].tobytes()
    head = struct.pack("<IiiHHIIiiII", 124, 48, 40, 1, 24, 0, len(rows), 0, 0, 0, 0) + bytes(16) + b"DEBM"
    head += bytes(112 - len(head)) + struct.pack("<III", 124 + len(rows), 100, 0)
    return b"BM" + struct.pack("<IHHI", 138 + len(rows) + 100, 0, 0, 138) + head + rows + b"p" * 100


def tga_with_areas() -> bytes:
    data = BY_NAME["footer.tga"]
    return data[:-26] + b"e" * 495 + struct.pack("<II", len(data) - 26, 0) + data[-18:]


ppm, bmp, jp2 = BY_NAME["rgb.ppm"], BY_NAME["rgb.bmp"], BY_NAME["rgb.jp2"]
CASES = {
    "PNG, private": (png_with(b"prVt", b"mask"), OTHER),
    "PNG, pHYs": (saved(photo(), "PNG", dpi=(300, 300)), OTHER),
    "PNG, tIME": (png_with(b"tIME", b"\x07\xe8\1\1\1\1\1"), OTHER),
    "PNG, bKGD": (png_with(b"bKGD", b"\0\1\0\1\0\1"), OTHER),
    "PNG, palette of color": (png_with(b"PLTE", bytes(9)), OTHER),
    "PNG, cICP": (png_with(b"cICP", b"\1\x0d\0\1"), "gamma"),
    "JPEG, application": (jpeg_with(0xEC, b"Ducky"), OTHER),
    "JPEG, thumbnail": (jpeg_with(0xE0, b"JFXX\0\x10"), OTHER),
    "JPEG, comment": (jpeg_with(0xFE, b"a cat"), "text"),
    "WebP, chunk": (webp_with(b"abcd", b"12"), OTHER),
    "GIF, comment": (gif_with(b"\x21\xfe\3cat\0"), "text"),
    "GIF, application": (gif_with(b"\x21\xff\x0bABCDEFGH123\3cat\0"), OTHER),
    "TIFF, description": (tiff_with(description="ground truth: cat"), "text"),
    "TIFF, GeoTIFF": (tiff_with((34735, "H", 4, (1, 1, 0, 0), True)), OTHER),
    "TIFF, private": (tiff_with((65000, "B", 3, (1, 2, 3), True)), OTHER),
    "TIFF, XMP": (tiff_with((700, "B", 9, b"<x:xmpm/>", True)), "XMP"),
    "TIFF, IPTC": (tiff_with((33723, "B", 9, bytes(range(9)), True)), "IPTC"),
    "JP2, xml": (jp2[:32] + box(b"xml ", b"<gml/>") + jp2[32:], OTHER),
    "JP2, uuid": (jp2[:32] + box(b"uuid", bytes(20)) + jp2[32:], OTHER),
    "JXL, box": (BY_NAME["container.jxl"] + box(b"jumb", bytes(9)), OTHER),
    "JXL, xml": (BY_NAME["container.jxl"] + box(b"xml ", bytes(9)), "XMP"),
    "AVIF, box": (BY_NAME["rgb.avif"] + box(b"mpvd", bytes(99)), OTHER),
    "HEIC, box": (BY_NAME["rgb.heic"] + box(b"uuid", bytes(99)), OTHER),
    "BMP, gap": (bmp[:10] + struct.pack("<I", 64) + bmp[14:54] + b"0123456789" + bmp[54:], OTHER),
    "BMP, profile": (profiled_bmp(), "ICC profile"),
    "TGA, comment": (bytes([3]) + BY_NAME["rgb.tga"][1:18] + b"cat" + BY_NAME["rgb.tga"][18:], "text"),
    "TGA, areas": (tga_with_areas(), OTHER),
    "PPM, comment": (ppm.replace(b"P6\n", b"P6\n# label: cat\n", 1), "text"),
    "PAM, comment": (BY_NAME["rgb.pam"].replace(b"P7\n", b"P7\n# label: cat\n", 1), "text"),
    "PNM of numbers, more": (BY_NAME["decimal.pnm"].replace(b"# a comment\n", b"") + b"1 2 3\n", BEHIND),
}  # fmt: skip


EVERY_FORMAT = [
    "rgb.png",
    "fine.jpg",
    "lossless.webp",
    "gray.gif",
    "rgb.tif",
    "big-endian.tif",
    "big.tif",
    "tiles.tif",
    "tiff-lzw.tif",
    "rgb.jp2",
    "gray.j2k",
    "rgb.avif",
    "rgb.heic",
    "container.jxl",
    "rgb.bmp",
    "os2.bmp",
    "top-down.bmp",
    "555.bmp",
    "565.bmp",
    "rgb.dib",
    "rgb.tga",
    "gray.tga",
    "footer.tga",
    "rgb.ppm",
    "gray.pgm",
    "rgb.pam",
    "rgb.npy",
    "gray.npy",
]


def test_plain_files_have_nothing_else():
    """Every exact file of the corpus."""
    found = {one.name: metadata(one.data) for one in corpus() if one.reference is not None and not one.differs}
    assert len(found) > 50
    expected = {name: (HOLD_MORE[name],) if name in HOLD_MORE else () for name in found}
    assert found == expected


@pytest.mark.parametrize("name", CASES)
def test_is_counted(name):  # type: ignore[no-untyped-def]
    """In files that are rendered exactly, so that only their samples are restored."""
    data, kind = CASES[name]
    found = render(data)
    assert found.exact
    assert kind in metadata(data)
    assert BEHIND not in set(metadata(data)) - {kind}


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_data_behind_the_image(name):  # type: ignore[no-untyped-def]
    """Of every format; a few bytes of padding are none."""
    data = BY_NAME[name]
    assert BEHIND not in metadata(data)
    for more in (b"S" * 5000, b"1234", bytes(16)):
        assert BEHIND in metadata(data + more), more
    for padding in (bytes(15), b"\n", b"\xff\xff"):
        assert BEHIND not in metadata(data + padding), padding


def test_order():
    """One order, each kind once."""
    data = jpeg_with(0xFE, b"x") + bytes(16)
    assert metadata(data) == ("text", BEHIND)
    both = png_with(b"prVt", b"x")[:-12] + chunk(b"tEXt", b"a\0b") + PNG[-12:] + bytes(16)
    assert metadata(both) == tuple(kind for kind in KINDS if kind in ("text", BEHIND, OTHER))


def test_exif_of_a_tiff_is_a_part_of_it():
    """Its directory stands behind the samples, and is counted as EXIF only."""
    tags = ImageFileDirectory_v2()
    tags[34665] = {37510: b"ASCII\0\0\0" + b"c" * 300}
    data = saved(photo(), "TIFF", tiffinfo=tags)
    assert metadata(data) == ("EXIF",)
    assert metadata(data + b"S" * 16) == ("EXIF", BEHIND)


@pytest.mark.parametrize("sample", SINGLE, ids=lambda one: one.name)
def test_the_end(sample):  # type: ignore[no-untyped-def]
    assert jpeg_end(sample.data) == len(sample.data)
    assert jpeg_end(sample.data + b"more \xff\xd9") == len(sample.data)


def test_odd_files():
    """Restarts, fill bytes, thumbnails inside a segment, and files without an end."""
    plain = saved(photo(), "JPEG", restart_marker_blocks=1)
    assert jpeg_end(plain + bytes(9)) == len(plain)
    inside = plain[:2] + segment(0xE1, plain[:5000]) + b"\xff\xff" + plain[2:]
    assert jpeg_end(inside + bytes(9)) == len(inside)
    for cut in (3, 30, 700, len(plain) - 1):
        assert jpeg_end(plain[:cut]) == cut
    assert BEHIND in metadata(plain + bytes(16))
    assert BEHIND not in metadata(plain + bytes(15))


def test_arrays_and_maps():
    """A second array, and numbers of two bytes."""
    assert metadata(made.npy(photo()) + made.npy(gray())) == (BEHIND,)
    deep = made.pam(photo().astype(np.uint16) * 257, "RGB", 65535)
    assert metadata(deep) == ()
    assert metadata(deep + b"S") == (BEHIND,)
    for name in ("16-bit.ppm", "16-bit.pgm", "few.ppm", "raw.pbm", "color.pfm"):
        assert metadata(BY_NAME[name]) == ()
        assert metadata(BY_NAME[name] + b"S") == (BEHIND,)


def test_of_an_open_image():
    """The same kinds, without opening the file again, whatever the file holds beside its samples."""
    compared = 0
    more = {
        "text.png": png_with(b"tEXt", b"a\0b"),
        "exif.png": PNG[:-12] + chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\0") + PNG[-12:],
        "late.png": PNG[:-12] + chunk(b"tEXt", b"a\0b") + PNG[-12:], "own.png": png_with(b"abCd", b"1"),
        "comment.jpg": jpeg_with(0xFE, b"hello"), "xmp.jpg": jpeg_with(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"),
        "behind.jpg": JPEG + bytes(range(64)), "own.webp": webp_with(b"ABCD", b"12"),
    }  # fmt: skip
    for name, data in (BY_NAME | more).items():
        seen: list[tuple[str, ...] | None] = []
        with contextlib.suppress(InputRefused):
            render(data, name, look=lambda image, data=data, seen=seen: seen.append(metadata_of(image, data)))  # type: ignore[misc]
        if seen and seen[0] is not None:
            assert seen == [metadata(data)], name
            compared += 1
    assert compared > 10
