"""Published samples come back from every lossless way of writing them; other files are refused."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from helpers import crop
from image_files import chunk
from PIL import Image

from ripguard.damage import Altered
from ripguard.errors import InputRefused
from ripguard.images.encoding import png_bytes
from ripguard.images.reencoded import read_published, variants, with_channels

COLOR, GRAY = crop(1, 9, 11), crop(2, 9, 11)[:, :, :1]
FEW = COLOR // 128 * 255  # at most eight colors
BINARY = FEW[:, :, :1]


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def pil(image: np.ndarray) -> Image.Image:
    return Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)


def png(depth: int, color: int, rows: list[bytes], size: tuple[int, int] = (11, 9), interlaced: int = 0) -> bytes:
    """A PNG file as Pillow does not write it; ``rows`` are packed and unfiltered, ``size`` is (width, height)."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", *size, depth, color, 0, 0, interlaced)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def wide(image: np.ndarray) -> list[bytes]:
    """Rows with 16 bits for each sample."""
    return [(row.astype(">u2") * 257).astype(">u2").tobytes() for row in image]


def packed(image: np.ndarray, depth: int) -> list[bytes]:
    """Rows of a gray image with 1, 2 or 4 bits for each sample."""
    levels = image[:, :, 0] // (255 // (2**depth - 1))
    bits = (levels[:, :, None] >> np.arange(depth - 1, -1, -1)) & 1
    return [row.tobytes() for row in np.packbits(bits.reshape(len(image), -1).astype(np.uint8), axis=1)]


def adam7(image: np.ndarray) -> list[bytes]:
    """Rows of an interlaced PNG, pass by pass."""
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    return [row.tobytes() for x, y, across, down in passes for row in image[y::down, x::across]]


LOSSLESS = {"exact": True, "lossless": True}
ROTATED = Image.Exif()
ROTATED[274] = 3  # orientation
OPAQUE = np.full((9, 11, 1), 255, np.uint8)
CASES = {
    "same": (png_bytes(COLOR), COLOR),
    "stored": (encoded(pil(COLOR), compress_level=0), COLOR),
    "webp": (encoded(pil(COLOR), "WEBP", **LOSSLESS), COLOR),
    "gray as webp": (encoded(pil(GRAY), "WEBP", **LOSSLESS), GRAY),
    "alpha": (encoded(pil(COLOR).convert("RGBA")), COLOR),
    "alpha as bmp": (encoded(pil(COLOR).convert("RGBA"), "BMP"), COLOR),
    "alpha as tiff": (encoded(pil(COLOR).convert("RGBA"), "TIFF"), COLOR),
    "alpha as webp": (encoded(pil(COLOR).convert("RGBA"), "WEBP", **LOSSLESS), COLOR),
    "gray with alpha": (encoded(pil(GRAY).convert("LA")), GRAY),
    "gray as RGB": (encoded(pil(GRAY).convert("RGB")), GRAY),
    "gray as RGB with alpha": (encoded(pil(GRAY).convert("RGBA")), GRAY),
    "gray as palette": (encoded(pil(GRAY).convert("P")), GRAY),
    "gray as palette, tiff": (encoded(pil(GRAY).convert("P"), "TIFF"), GRAY),
    "palette": (encoded(pil(FEW).quantize(16)), FEW),
    "palette with opaque entries": (encoded(pil(FEW).quantize(16), transparency=b"\xff" * 16), FEW),
    "palette, bmp": (encoded(pil(FEW).quantize(16), "BMP"), FEW),
    "palette of 4 bits": (encoded(pil(FEW).quantize(16), bits=4), FEW),
    "RGB as gray": (encoded(pil(GRAY)), np.repeat(GRAY, 3, axis=2)),
    "an unused transparent color": (encoded(pil(FEW), transparency=(1, 2, 3)), FEW),
    "1 bit": (encoded(pil(BINARY).convert("1")), BINARY),
    "1 bit, tiff": (encoded(pil(BINARY).convert("1"), "TIFF"), BINARY),
    "1 bit, pbm": (encoded(pil(BINARY).convert("1"), "PPM"), BINARY),
    "RGB as 1 bit": (encoded(pil(BINARY).convert("1")), np.repeat(BINARY, 3, axis=2)),
    "2 bits": (png(2, 0, packed(GRAY // 85 * 85, 2)), GRAY // 85 * 85),
    "4 bits": (png(4, 0, packed(GRAY // 17 * 17, 4)), GRAY // 17 * 17),
    "16 bits": (png(16, 0, wide(GRAY)), GRAY),
    "16 bits, RGB": (png(16, 2, wide(COLOR)), COLOR),
    "16 bits, alpha": (png(16, 6, wide(np.dstack([COLOR, OPAQUE]))), COLOR),
    "16 bits, tiff": (encoded(Image.fromarray(GRAY[:, :, 0].astype(np.uint16) * 257), "TIFF"), GRAY),
    "16 bits, pgm": (encoded(Image.fromarray(GRAY[:, :, 0].astype(np.uint16) * 257), "PPM"), GRAY),
    "interlaced": (png(8, 2, adam7(COLOR), size=(11, 9), interlaced=1), COLOR),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_published_samples(case):  # type: ignore[no-untyped-def]
    """With the shape of the manifest, and among the variants without it."""
    data, image = CASES[case]
    found = read_published(data, "x", image.shape)
    assert (found.dtype, found.flags.c_contiguous) == (np.uint8, True)
    np.testing.assert_array_equal(found, image)
    assert any(np.array_equal(one, image) for one in variants(read_published(data)))


def deep(samples: np.ndarray) -> bytes:
    return encoded(Image.fromarray(samples))


@pytest.mark.parametrize(
    "data",
    [
        encoded(Image.fromarray(np.dstack([COLOR, OPAQUE - (np.arange(99).reshape(9, 11, 1) == 50)]).astype(np.uint8))),
        encoded(pil(FEW).quantize(16), transparency=0),
        encoded(pil(FEW), transparency=tuple(map(int, FEW[0, 0]))),
    ],
    ids=["alpha", "palette", "color"],
)
def test_transparency_has_its_own_sentence(data):  # type: ignore[no-untyped-def]
    with pytest.raises(Altered, match="parts of it are transparent"):
        read_published(data, "x", (9, 11, 3))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("image", [COLOR, np.dstack([COLOR, OPAQUE])], ids=["same", "with alpha"])
def test_an_orientation_has_its_own_sentence(image, kind):  # type: ignore[no-untyped-def]
    """Loaders that apply it would turn the image; the samples alone do not show it."""
    options = LOSSLESS if kind == "WEBP" else {}
    data = encoded(pil(image), kind, exif=ROTATED, **options)
    with pytest.raises(Altered, match="an orientation that was not there when published"):
        read_published(data, "x", (9, 11, 3))


def test_an_orientation_behind_the_pixels():
    """A chunk eXIf may stand there."""
    plain = encoded(pil(COLOR))
    with pytest.raises(Altered, match="an orientation"):
        read_published(plain[:-12] + chunk(b"eXIf", ROTATED.tobytes()[6:]) + plain[-12:], "x", (9, 11, 3))


REFUSED = {
    "16 bits": deep(GRAY[:, :, 0].astype(np.uint16) * 257 + 1),
    "CMYK": encoded(pil(COLOR).convert("CMYK"), "TIFF"),
    "floats": encoded(Image.fromarray(GRAY[:, :, 0].astype(np.float32)), "TIFF"),
    "animation": encoded(pil(FEW).quantize(16), save_all=True, append_images=[pil(255 - FEW).quantize(16)]),
    "two frames": encoded(pil(FEW).quantize(16), "TIFF", save_all=True, append_images=[pil(COLOR).convert("RGBA")]),
    "cut": encoded(pil(COLOR).convert("RGBA"))[:-14],
    "other size": encoded(pil(crop(3, 11, 9)).convert("RGBA")),
    "bomb": png(8, 6, [b""], (1 << 16, 1 << 16)),
    "no image": b"GIF89a",
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_files_are_refused(case):  # type: ignore[no-untyped-def]
    with pytest.raises(InputRefused, match="x: "):
        read_published(REFUSED[case], "x", (9, 11, 3))


def test_channels_that_differ_stay():
    """Color cannot become gray, and nothing is lost on the way."""
    assert with_channels(COLOR, 1) is COLOR
    assert with_channels(COLOR, 3) is COLOR
    assert len(variants(COLOR)) == 1
    assert [one.shape[2] for one in variants(GRAY)] == [1, 3]
