"""Picture files: what is accepted comes in exactly, everything else is refused by name."""

from __future__ import annotations

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


def refused() -> dict[str, tuple[bytes, str]]:
    image, exif = Image.fromarray(RGB), Image.Exif()
    exif[274] = 6
    two = [image, Image.fromarray(255 - RGB)]
    return {
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


def test_every_truncation_is_refused():
    """A PNG cut at any byte is refused, also where Pillow would still show all of its pixels."""
    data = png_bytes(RGB)
    for length in range(len(data)):
        with pytest.raises(InputRefused):
            read_picture(data[:length])
