"""TIFF, by Pillow and by tifffile."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

import made
import numpy as np
import tifffile
from corpus import Sample, alpha, cube, exif, flat, full, gray, photo, saved, stored
from corpus_pillow import seen_through
from corpus_raw import windowed
from PIL import Image


def tiff(array: np.ndarray, photometric: str = "minisblack", **options: object) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, photometric=photometric, metadata=None, software=False, **options)
    return buffer.getvalue()


def below(shown: np.ndarray, raw: np.ndarray) -> bytes:
    """A TIFF with another image in its tag SubIFDs, as a DNG has its raw samples."""
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        file.write(shown, photometric="rgb", subifds=1, metadata=None, software=False)
        file.write(raw, photometric="minisblack", subfiletype=1, metadata=None, software=False)
    return buffer.getvalue()


def big_endian(values: np.ndarray, compression: str) -> bytes:
    """A TIFF in Motorola byte order of uint16 ``[height, width]`` in one compressed strip. No library writes these."""
    code = {"tiff_lzw": 5, "packbits": 32773}[compression]
    with Image.open(io.BytesIO(saved(values.astype(">u2").view(np.uint8), "TIFF", compression=compression))) as coded:
        (at,), (length,) = coded.tag_v2[273], coded.tag_v2[279]
        strip = coded.fp.getvalue()[at : at + length]  # type: ignore[union-attr]
    height, width = values.shape
    tags = ((256, width), (257, height), (258, 16), (259, code), (262, 1), (273, 8), (277, 1), (278, height))
    entries = [struct.pack(">HHII", tag, 4, 1, value) for tag, value in (*tags, (279, length))]
    return struct.pack(">2sHI", b"MM", 42, 8 + length) + strip + struct.pack(">H", 9) + b"".join(entries) + bytes(4)


def samples() -> Iterator[Sample]:
    yield from _eight()
    yield from _wide()
    yield from _bands()


def _eight() -> Iterator[Sample]:
    rgb, one, mask = photo(0), gray(0), alpha()
    image = Image.fromarray(rgb)
    yield Sample("rgb.tif", saved(rgb, "TIFF"), rgb)
    yield Sample("gray.tiff", saved(one, "TIFF"), cube(one))
    for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits"):
        yield Sample(f"{name.replace('_', '-')}.tif", saved(rgb, "TIFF", compression=name), rgb)
    yield Sample("jpeg.tif", saved(rgb, "TIFF", compression="jpeg", quality=95), rgb, 70)
    yield Sample("tiles.tif", tiff(rgb, "rgb", tile=(16, 16)), rgb)
    yield Sample("planes.tif", tiff(np.moveaxis(rgb, 2, 0), "rgb", planarconfig="separate"), rgb)
    yield Sample("big-endian.tif", tiff(rgb, "rgb", byteorder=">"), rgb)
    yield Sample("big.tif", tiff(rgb, "rgb", bigtiff=True), rgb)
    yield Sample("white-is-zero.tif", tiff(255 - one, "miniswhite"), cube(one))
    bit = (one > 110).astype(np.uint8) * 255
    for name in ("raw", "group4"):
        data = saved(Image.fromarray(bit).convert("1"), "TIFF", compression=name)
        yield Sample(f"1-bit-{name}.tif", data, cube(bit), 0, ("1 bit",))
    palette = image.quantize(100)
    yield Sample("palette.tif", saved(palette, "TIFF"), np.asarray(palette.convert("RGB")), 0, ("palette",))
    yield Sample(
        "rgba.tif", tiff(np.dstack([rgb, mask]), "rgb", extrasamples=["unassalpha"]), flat(rgb, mask), 1, ("alpha",)
    )
    part = np.round(rgb * (mask[..., None] / 255)).astype(np.uint8)
    shown = np.minimum(part + (255 - mask[..., None].astype(int)), 255).astype(np.uint8)
    yield Sample(
        "rgba-multiplied.tif", tiff(np.dstack([part, mask]), "rgb", extrasamples=["assocalpha"]), shown, 2, ("alpha",)
    )
    yield Sample(
        "gray-alpha.tif", saved(Image.fromarray(np.dstack([one, mask]), "LA"), "TIFF"), flat(one, mask), 1, ("alpha",)
    )
    yield Sample(
        "infrared.tif", tiff(np.dstack([rgb, mask]), "rgb", extrasamples=["unspecified"]), rgb, 0, ("other bands",)
    )
    yield Sample("cmyk.tif", saved(image.convert("CMYK"), "TIFF"), rgb, 2, ("CMYK",))
    yield Sample("lab.tif", saved(image.convert("LAB") if False else _lab(image), "TIFF"), rgb, 8, ("Lab",))
    yield Sample("ycbcr.tif", saved(image.convert("YCbCr"), "TIFF"), rgb, 3, ("YCbCr",))
    two = {"save_all": True, "append_images": [Image.fromarray(photo(1))]}
    yield Sample("pages.tif", saved(rgb, "TIFF", **two), rgb, 0, ("several frames",))
    yield Sample("raw-below.tif", below(rgb, one.astype(np.uint16)), rgb, 0, ("several frames",))
    for turn in (2, 4, 7, 8):
        data = saved(stored(rgb, turn), "TIFF", exif=exif(turn))
        yield Sample(f"turned-{turn}.tif", data, rgb, 0, ("EXIF orientation",))
    data = saved(rgb, "TIFF", icc_profile=made.rgb_profile(made.P3, 2.2))
    yield Sample("icc.tif", data, seen_through(rgb, made.P3, 2.2), 3, ("ICC profile",))
    yield Sample("int8.tif", tiff((one.astype(int) - 128).astype(np.int8)), windowed(one), 1, ("signed samples",))


def _lab(image: Image.Image) -> Image.Image:
    """CIELAB under D50 from the formulas, as TIFF stores it."""
    linear = np.asarray(image) / 255.0
    linear = np.where(linear <= 0.04045, linear / 12.92, ((linear + 0.055) / 1.055) ** 2.4)
    xyz = linear @ np.array(made.SRGB) / (0.9642, 1.0, 0.8249)
    root = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = np.moveaxis(root, 2, 0)
    planes = np.stack([(116 * y - 16) * 2.55, 500 * (x - y) + 128, 200 * (y - z) + 128], 2)
    planes = np.clip(np.round(planes), 0, 255).astype(np.uint8)
    return Image.merge("LAB", [Image.fromarray(planes[:, :, i]) for i in range(3)])


def _wide() -> Iterator[Sample]:
    rgb, one, mask = photo(1), gray(1), alpha()
    deep, color = one.astype(np.uint16) * 257, rgb.astype(np.uint16) * 257
    yield Sample("16-bit-gray.tif", tiff(deep), cube(one), 0, ("16 bits",))
    yield Sample("16-bit-lzw.tif", saved(deep, "TIFF", compression="tiff_lzw"), cube(one), 0, ("16 bits",))
    yield Sample("16-bit-zip.tif", tiff(deep, compression="zlib", predictor=True), cube(one), 0, ("16 bits",))
    yield Sample("16-bit-big-endian.tif", tiff(deep, byteorder=">"), cube(one), 0, ("16 bits",))
    half = (deep >> 1) + 20000  # of a part of the range, so that a window would show
    for name in ("tiff_lzw", "packbits"):
        data = big_endian(half, name)
        yield Sample(f"16-bit-big-endian-{name.split('_')[-1]}.tif", data, cube(full(half)), 0, ("16 bits",))
    yield Sample("16-bit-white-is-zero.tif", tiff(65535 - deep, "miniswhite"), cube(one), 0, ("16 bits",))
    yield Sample("12-bit-in-16.tif", tiff(one.astype(np.uint16) * 16), windowed(one), 1, ("16 bits",))
    yield Sample("16-bit-rgb.tif", tiff(color, "rgb"), rgb, 1, ("16 bits",))
    yield Sample(
        "16-bit-rgb-planes.tif", tiff(np.moveaxis(color, 2, 0), "rgb", planarconfig="separate"), rgb, 1, ("16 bits",)
    )
    clear = np.dstack([color, mask.astype(np.uint16) * 257])
    yield Sample(
        "16-bit-rgba.tif", tiff(clear, "rgb", extrasamples=["unassalpha"]), flat(rgb, mask), 2, ("16 bits", "alpha")
    )
    yield Sample(
        "16-bit-turned.tif",
        tiff(stored(deep, 6), extratags=[(274, 3, 1, 6, True)]),
        cube(one),
        0,
        ("16 bits", "EXIF orientation"),
    )
    part = np.round(clear * (clear[..., 3:] / 65535.0)).astype(np.uint16)
    part[..., 3] = clear[..., 3]
    data = tiff(part, "rgb", extrasamples=["assocalpha"])
    yield Sample("16-bit-rgba-multiplied.tif", data, flat(rgb, mask), 2, ("16 bits", "alpha"))
    faint = np.dstack([color, np.full_like(deep, 20 * 257)])
    seen = flat(rgb, np.full_like(one, 20))
    yield Sample("16-bit-faint.tif", tiff(faint, "rgb", extrasamples=["unassalpha"]), seen, 2, ("16 bits", "alpha"))
    inks = np.asarray(Image.fromarray(rgb).convert("CMYK")).astype(np.uint16) * 257
    yield Sample("16-bit-cmyk.tif", tiff(inks, "separated"), rgb, 2, ("16 bits", "CMYK"))
    for kind, kinds in (("int16", ("signed samples", "16 bits")), ("int32", ("signed samples", "32 bits"))):
        yield Sample(f"{kind}.tif", tiff(one.astype(kind) * 3 - 400), windowed(one), 1, kinds)
    yield Sample("uint32.tif", tiff(one.astype(np.uint32) * 16_000_000), windowed(one), 1, ("32 bits",))
    for kind in ("float16", "float32", "float64"):
        yield Sample(f"{kind}.tif", tiff((one / 255).astype(kind)), cube(one), 1, ("floating point",))
    floats = tiff(one.astype(np.float32) * 7 - 30)
    yield Sample("float-window.tif", floats, windowed(one), 1, ("floating point",))
    yield Sample(
        "float-zip.tif", tiff((one / 255).astype(np.float32), compression="zlib"), cube(one), 1, ("floating point",)
    )
    yield Sample("float-rgb.tif", tiff((rgb / 255).astype(np.float32), "rgb"), rgb, 1, ("floating point",))
    yield Sample(
        "float-lzw.tif",
        saved((one / 255).astype(np.float32), "TIFF", compression="tiff_lzw"),
        cube(one),
        1,
        ("floating point",),
    )


def _bands() -> Iterator[Sample]:
    rgb, one, mask = photo(2), gray(2), alpha()
    yield Sample(
        "2-bands.tif",
        tiff(np.dstack([one, mask]), planarconfig="contig", extrasamples=["unspecified"]),
        cube(one),
        0,
        ("other bands",),
    )
    many = np.dstack([rgb, mask, one])
    data = tiff(many, "rgb", extrasamples=["unassalpha", "unspecified"])
    yield Sample("alpha-and-infrared.tif", data, flat(rgb, mask), 1, ("alpha", "other bands"))
    yield Sample("5-bands.tif", tiff(many, planarconfig="contig"), rgb, 0, ("other bands",))
    yield Sample("5-bands-rgb.tif", tiff(many, "rgb", extrasamples=["unspecified"] * 2), rgb, 0, ("other bands",))
    yield Sample("5-bands-planes.tif", tiff(np.moveaxis(many, 2, 0), planarconfig="separate"), rgb, 0, ("other bands",))
    deep = np.dstack([rgb, *[mask] * 10]).astype(np.uint16) * 257
    yield Sample(
        "13-bands-16-bit.tif", tiff(deep, planarconfig="contig", compression="zlib"), rgb, 1, ("other bands", "16 bits")
    )
    sentinel = rgb.astype(np.uint16) * 30
    dark = np.dstack([sentinel, mask.astype(np.uint16)])
    yield Sample("4-bands-dark.tif", tiff(dark, planarconfig="contig"), windowed(rgb), 1, ("other bands", "16 bits"))
    floats = np.dstack([rgb, one]).astype(np.float32) / 255
    yield Sample("4-bands-float.tif", tiff(floats, planarconfig="contig"), rgb, 1, ("other bands", "floating point"))
