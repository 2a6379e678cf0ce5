"""Picture files: what is accepted comes in exactly, everything else is refused by name."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from ripguard.errors import InputRefused
from ripguard.images import png_bytes, read_picture

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


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "WEBP"])
def test_lossless_formats_are_exact(kind):  # type: ignore[no-untyped-def]
    """RGB and grayscale in every lossless format."""
    options = {"lossless": True} if kind == "WEBP" else {}
    np.testing.assert_array_equal(read_picture(saved(Image.fromarray(RGB), kind, **options)), RGB)
    if kind != "WEBP":
        grey = read_picture(saved(Image.fromarray(RGB[:, :, 0]), kind))
        np.testing.assert_array_equal(grey, RGB[:, :, :1])
    np.testing.assert_array_equal(read_picture(png_bytes(RGB[:, :, :1])), RGB[:, :, :1])


def test_arrays_are_exact():
    """uint8 .npy, with or without a channel axis, in either memory order; everything else is refused by name."""

    def npy(array: np.ndarray) -> bytes:
        buffer = io.BytesIO()
        np.save(buffer, array)
        return buffer.getvalue()

    np.testing.assert_array_equal(read_picture(npy(RGB)), RGB)
    np.testing.assert_array_equal(read_picture(npy(np.asfortranarray(RGB))), RGB)
    np.testing.assert_array_equal(read_picture(npy(RGB[:, :, 0])), RGB[:, :, :1])
    for wrong, words in (
        (RGB.astype(np.float32), "got float32"), (RGB[:, :, :2], r"got uint8 \[9, 7, 2\]"), (RGB[0, 0], "got uint8"),
        (RGB[:0], "1 to 50,000,000 pixels"),
    ):  # fmt: skip
        with pytest.raises(InputRefused, match=words):
            read_picture(npy(wrong), "somewhere.npy")
    with pytest.raises(InputRefused, match="not a readable"):
        read_picture(npy(RGB)[:-1], "somewhere.npy")


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


def many_scans() -> bytes:
    """A progressive JPEG whose last scan stands there two hundred times: each costs a pass over all pixels."""
    data = saved(Image.fromarray(RGB).resize((64, 64)), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * 200 + data[-2:]


def refused() -> dict[str, tuple[bytes, str]]:
    image, exif = Image.fromarray(RGB), Image.Exif()
    exif[274] = 6
    two = [image, Image.fromarray(255 - RGB)]
    whole, sixteen = png_bytes(RGB), png_16_bit()
    ihdr, end = whole[16:29], len(whole) - 12
    many = {"save_all": True, "append_images": two[1:]}
    return {
        "16-bit colour behind another chunk": (with_chunk(sixteen, b"prIv", b"", 8), "not a readable PNG"),
        "16-bit colour behind another header": (with_chunk(sixteen, b"IHDR", ihdr, 8), "not a readable PNG"),
        "transparent colour, told late": (with_chunk(whole, b"tRNS", bytes(6), end), "transparent"),
        "infrared": (tiff(4, 2, struct.pack("<HHII", 338, 3, 1, 0)), "got 4"),
        "five samples": (tiff(5, 2, struct.pack("<HHII", 338, 3, 2, 0)), "got 5"),
        "grey and more": (tiff(2, 1, struct.pack("<HHII", 338, 3, 1, 0)), "got 2"),
        "signed": (tiff(1, 1, struct.pack("<HHII", 339, 3, 1, 2)), "unsigned"),
        "deep TIFF": (saved(Image.fromarray(RGB[:, :, 0].astype(np.uint16) * 257), "TIFF"), "mode I;16"),
        "float TIFF": (saved(Image.fromarray(RGB[:, :, 0].astype(np.float32)), "TIFF"), "mode F"),
        "pages": (saved(two[0], "TIFF", **many), "one frame, got 2"),
        "CMYK TIFF": (saved(image.convert("CMYK"), "TIFF"), "mode CMYK"),
        "LAB": (saved(image.convert("LAB"), "TIFF"), "mode LAB"),
        "YCbCr TIFF": (saved(image.convert("YCbCr"), "TIFF"), "mode YCbCr"),
        "moving WebP": (saved(two[0], "WEBP", **many, lossless=True), "one frame, got 2"),
        "two pictures in a JPEG": (saved(two[0], "MPO", **many), "one frame, got 2"),
        "deep PNM": (b"P6 2 1 65535\n" + bytes(12), "another maximum"),
        "decimal numbers, cut off": (b"P3 1 1 255\n12 34 5", "may be cut off"),
        "too many scans": (many_scans(), "more than 100 scans"),
        "palette": (saved(image.convert("P"), "PNG"), "mode P"),
        "alpha": (saved(image.convert("RGBA"), "PNG"), "mode RGBA"),
        "grey alpha": (saved(image.convert("LA"), "PNG"), "mode LA"),
        "one bit": (saved(image.convert("1"), "PNG"), "mode 1"),
        "cmyk": (saved(image.convert("CMYK"), "JPEG"), "mode CMYK"),
        "16-bit grey": (saved(Image.fromarray(RGB[:, :, 0].astype(np.uint16) * 257), "PNG"), "mode I;16"),
        "16-bit colour": (png_16_bit(), "16-bit PNG"),
        "animation": (saved(two[0], "PNG", save_all=True, append_images=two[1:]), "one frame, got 2"),
        "orientation": (saved(image, "JPEG", exif=exif), "EXIF orientation"),
        "transparent colour": (saved(image, "PNG", transparency=(1, 2, 3)), "transparent"),
        "garbage": (b"\x89PNG\r\n\x1a\n" + bytes(99), "not a readable"),
        "text": (b"hello", "not a readable"),
        "empty": (b"", "not a readable"),
        "gif": (saved(image.convert("P"), "GIF"), "not a readable"),
    }


@pytest.mark.parametrize("name", sorted(refused()))
def test_other_kinds_are_refused_by_name(name):  # type: ignore[no-untyped-def]
    """One sentence that says what was expected and what was found."""
    data, words = refused()[name]
    with pytest.raises(InputRefused, match=r"somewhere\.png") as caught:
        read_picture(data, "somewhere.png")
    assert words in str(caught.value)


def test_accepted_like_the_others():
    """What only looks like a refused kind."""
    np.testing.assert_array_equal(read_picture(tiff(3, 2)), np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
    assert read_picture(b"P3 1 1 255\n12 34 56\n").tolist() == [[[12, 34, 56]]]
    exif = Image.Exif()
    exif[274] = 0  # no orientation
    assert read_picture(saved(Image.fromarray(RGB), "JPEG", exif=exif)).shape == RGB.shape
    assert read_picture(saved(Image.fromarray(RGB), "JPEG", progressive=True)).shape == RGB.shape


@pytest.mark.parametrize("turn", range(2, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_every_orientation_is_refused(turn, kind):  # type: ignore[no-untyped-def]
    """Neither applied nor lost."""
    exif = Image.Exif()
    exif[274] = turn
    with pytest.raises(InputRefused, match="EXIF orientation"):
        read_picture(saved(Image.fromarray(RGB), kind, exif=exif), "somewhere.png")


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "TIFF", "BMP", "PPM"])
def test_cut_files_of_other_formats(kind):  # type: ignore[no-untyped-def]
    """Refused, or all there: never other pixels."""
    data = saved(Image.fromarray(RGB), kind, **({"lossless": True} if kind == "WEBP" else {}))
    whole = read_picture(data)
    for length in range(len(data)):
        with contextlib.suppress(InputRefused):
            np.testing.assert_array_equal(read_picture(data[:length]), whole)


def test_every_truncation_is_refused():
    """A PNG cut at any byte is refused, also where Pillow would still show all of its pixels."""
    data = png_bytes(RGB)
    for length in range(len(data)):
        with pytest.raises(InputRefused):
            read_picture(data[:length])
