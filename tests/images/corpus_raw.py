"""BMP, TGA, PNM and arrays."""

from __future__ import annotations

from collections.abc import Iterator

import made
import numpy as np
from corpus import Sample, alpha, cube, flat, full, gray, photo, saved
from PIL import Image


def samples() -> Iterator[Sample]:
    yield from _bmp()
    yield from _tga()
    yield from _pnm()
    yield from _npy()


def _bmp() -> Iterator[Sample]:
    rgb, one, mask = photo(), gray(), alpha()
    bgr = rgb[:, :, ::-1]
    yield Sample("rgb.bmp", saved(rgb, "BMP"), rgb)
    yield Sample("gray.bmp", saved(one, "BMP"), cube(one))
    yield Sample("rgb.dib", saved(rgb, "DIB"), rgb)
    yield Sample("top-down.bmp", made.bmp_top_down(rgb), rgb)
    yield Sample("os2.bmp", made.bmp_core(rgb), rgb)
    bit = (one > 110).astype(np.uint8)
    yield Sample("1-bit.bmp", saved(Image.fromarray(bit * 255).convert("1"), "BMP"), cube(bit * 255), 0, ("1 bit",))
    palette = Image.fromarray(rgb).quantize(100)
    seen = np.asarray(palette.convert("RGB"))
    yield Sample("palette.bmp", saved(palette, "BMP"), seen, 0, ("palette",))
    few = Image.fromarray(rgb).quantize(16)
    colors = np.zeros((16, 4), np.uint8)
    colors[:, 2::-1] = np.array(few.getpalette()[:48]).reshape(16, 3)
    rows = made.packed(np.asarray(few), 4)
    yield Sample(
        "palette-4-bit.bmp", made.bmp(rows, 4, colors.tobytes()), np.asarray(few.convert("RGB")), 0, ("palette",)
    )
    colors = np.zeros((256, 4), np.uint8)
    colors[:100, 2::-1] = np.array(palette.getpalette()[:300]).reshape(100, 3)
    data = made.bmp_run_length(np.asarray(palette), colors.tobytes())
    yield Sample("run-length.bmp", data, seen, 0, ("palette",))
    for name, fourth, kinds in (("padding-0", 0, ()), ("padding-255", 255, ())):
        yield Sample(f"{name}.bmp", made.bmp(_four(bgr, np.full_like(one, fourth)), 32), rgb, 0, kinds)
    yield Sample("alpha-in-padding.bmp", made.bmp(_four(bgr, gray(1)), 32), rgb, 0, ("alpha",))
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    yield Sample("alpha.bmp", made.bmp(_four(bgr, mask), 32, masks=masks), flat(rgb, mask), 1, ("alpha",))
    for name, bits, fields in (("555", (5, 5, 5), ()), ("565", (5, 6, 5), (0xF800, 0x7E0, 0x1F, 0))):
        data, wide = _sixteen(rgb, bits)
        yield Sample(f"{name}.bmp", made.bmp(data, 16, masks=fields), wide, 8)


def _four(bgr: np.ndarray, fourth: np.ndarray) -> np.ndarray:
    return np.dstack([bgr, fourth]).reshape(len(bgr), -1)


def _sixteen(rgb: np.ndarray, bits: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    value, at = np.zeros(rgb.shape[:2], np.uint16), 0
    for channel, width in ((2, bits[2]), (1, bits[1]), (0, bits[0])):
        value |= (rgb[:, :, channel].astype(np.uint16) >> (8 - width)) << at
        at += width
    return value.astype("<u2").view(np.uint8), rgb


def _tga() -> Iterator[Sample]:
    rgb, one, mask = photo(2), gray(2), alpha()
    bgr = rgb[:, :, ::-1].copy()
    bgra = np.dstack([bgr, mask])
    yield Sample("rgb.tga", saved(rgb, "TGA"), rgb)
    yield Sample("run-length.tga", saved(rgb, "TGA", compression="tga_rle"), rgb)
    yield Sample("bottom-up.tga", made.tga(bgr[::-1].copy(), 2, 24, 0), rgb)
    yield Sample("top-down.tga", made.tga(bgr, 2, 24, 0x20), rgb)
    yield Sample("right-to-left.tga", made.tga(bgr[:, ::-1].copy(), 2, 24, 0x30), rgb)
    yield Sample("footer.tga", made.tga(bgr, 2, 24, 0x20) + made.TGA_FOOTER, rgb)
    yield Sample("gray.tga", saved(one, "TGA"), cube(one))
    yield Sample("gray-run-length.tga", saved(one, "TGA", compression="tga_rle"), cube(one))
    yield Sample("alpha.tga", made.tga(bgra, 2, 32, 0x28), flat(rgb, mask), 1, ("alpha",))
    yield Sample(
        "gray-alpha.tga", saved(Image.fromarray(np.dstack([one, mask]), "LA"), "TGA"), flat(one, mask), 1, ("alpha",)
    )
    palette = Image.fromarray(rgb).quantize(64)
    colors = np.array(palette.getpalette()[:192], np.uint8).reshape(64, 3)[:, ::-1].tobytes()
    index = np.asarray(palette)[:, :, None]
    yield Sample(
        "palette.tga", made.tga(index, 1, 8, 0x20, colors), np.asarray(palette.convert("RGB")), 0, ("palette",)
    )
    bit = (one > 110).astype(np.uint8) * 255
    yield Sample("named-as-png.png", made.tga(bgr, 2, 24, 0x20), rgb)
    yield Sample("1-bit.tga", saved(Image.fromarray(bit).convert("1"), "TGA"), cube(bit), 0, ("1 bit",))


def _pnm() -> Iterator[Sample]:
    rgb, one, mask = photo(1), gray(1), alpha()
    bit = (one > 110).astype(np.uint8)
    h, w = one.shape
    yield Sample("rgb.ppm", saved(rgb, "PPM"), rgb)
    two = saved(rgb, "PPM") + saved(photo(2), "PPM")
    yield Sample("two.ppm", two, rgb, 0, ("several frames",))
    yield Sample("gray.pgm", saved(one, "PPM"), cube(one))
    decimal = (
        f"P3\n# a comment\n{w} {h}\n255\n"
        + "\n".join(" ".join(map(str, row)) for row in rgb.reshape(h, -1).tolist())
        + "\n"
    )
    yield Sample("decimal.pnm", decimal.encode(), rgb)
    yield Sample("two-decimal.pnm", decimal.encode() * 2, rgb, 0, ("several frames",))
    yield Sample("raw.pbm", saved(Image.fromarray(bit * 255).convert("1"), "PPM"), cube(bit * 255), 0, ("1 bit",))
    letters = f"P1\n{w} {h}\n" + "\n".join(" ".join(map(str, row)) for row in (1 - bit).tolist()) + "\n"
    yield Sample("decimal.pbm", letters.encode(), cube(bit * 255), 0, ("1 bit",))
    yield Sample("few.ppm", b"P6 48 40 15\n" + (rgb >> 4).tobytes(), (rgb >> 4) * 17, 0, ("4 bits",))
    yield Sample(
        "percent.pgm",
        b"P5 48 40 100\n" + (one // 3).tobytes(),
        cube(np.round(one // 3 * 2.55).astype(np.uint8)),
        1,
        ("other maximum",),
    )
    deep = one.astype(np.uint16) * 257
    yield Sample("16-bit.pgm", b"P5 48 40 65535\n" + deep.astype(">u2").tobytes(), cube(one), 1, ("16 bits",))
    color = rgb.astype(np.uint16) * 257
    yield Sample("16-bit.ppm", b"P6 48 40 65535\n" + color.astype(">u2").tobytes(), rgb, 1, ("16 bits",))
    yield Sample("rgb.pam", made.pam(rgb, "RGB"), rgb)
    two = made.pam(rgb, "RGB") + made.pam(cube(one), "GRAYSCALE")
    yield Sample("two.pam", two, rgb, 0, ("several frames",))
    yield Sample("gray.pam", made.pam(cube(one), "GRAYSCALE"), cube(one))
    yield Sample("1-bit.pam", made.pam(cube(bit), "BLACKANDWHITE", 1), cube(bit * 255), 0, ("1 bit",))
    yield Sample("alpha.pam", made.pam(np.dstack([rgb, mask]), "RGB_ALPHA"), flat(rgb, mask), 1, ("alpha",))
    yield Sample("gray-alpha.pam", made.pam(np.dstack([one, mask]), "GRAYSCALE_ALPHA"), flat(one, mask), 1, ("alpha",))
    yield Sample("16-bit.pam", made.pam(color, "RGB", 65535), rgb, 1, ("16 bits",))
    faint = np.dstack([color, np.full_like(deep, 20 * 257)])
    data = made.pam(faint, "RGB_ALPHA", 65535)
    yield Sample("16-bit-faint.pam", data, flat(rgb, np.full_like(one, 20)), 2, ("16 bits", "alpha"))
    yield Sample("gray.pfm", made.pfm(one / 255), cube(one), 1, ("floating point",))
    yield Sample("color.pfm", made.pfm(rgb / 255), rgb, 1, ("floating point",))


def windowed(values: np.ndarray) -> np.ndarray:
    """Values that have no outliers, from their least to their greatest."""
    values = cube(values).astype(float)
    low, high = values.min(), values.max()
    return np.round((values - low) / (high - low) * 255).astype(np.uint8)


def _npy() -> Iterator[Sample]:
    rgb, one, mask = photo(2), gray(2), alpha()
    bit = one > 110
    yield Sample("rgb.npy", made.npy(rgb), rgb)
    yield Sample("gray.npy", made.npy(one), cube(one))
    yield Sample("two.npy", made.npy(rgb) + made.npy(one), rgb, 0, ("several frames",))
    yield Sample("fortran.npy", made.npy(np.asfortranarray(rgb)), rgb)
    yield Sample("bool.npy", made.npy(bit), cube(bit.astype(np.uint8) * 255), 0, ("1 bit",))
    yield Sample("uint16.npy", made.npy(one.astype(np.uint16) * 257), cube(one), 0, ("16 bits",))
    yield Sample("uint16-color.npy", made.npy(rgb.astype(np.uint16) * 257), rgb, 0, ("16 bits",))
    yield Sample("uint16-narrow.npy", made.npy(one.astype(np.uint16) * 4), windowed(one), 1, ("16 bits",))
    yield Sample("big-endian.npy", made.npy((one.astype(np.uint16) * 257).astype(">u2")), cube(one), 0, ("16 bits",))
    yield Sample("uint32.npy", made.npy(one.astype(np.uint32) * 10_000_000), windowed(one), 1, ("32 bits",))
    yield Sample("uint64.npy", made.npy(one.astype(np.uint64) << np.uint64(50)), windowed(one), 1, ("64 bits",))
    for kind, kinds in (
        ("int8", ("signed samples",)),
        ("int16", ("signed samples", "16 bits")),
        ("int32", ("signed samples", "32 bits")),
        ("int64", ("signed samples", "64 bits")),
    ):
        values = one.astype(kind) if kind != "int8" else (one.astype(int) - 128).astype(np.int8)
        yield Sample(f"{kind}.npy", made.npy(values - 100 if kind != "int8" else values), windowed(one), 1, kinds)
    for kind in ("float16", "float32", "float64"):
        yield Sample(f"{kind}.npy", made.npy((one / 255).astype(kind)), cube(one), 1, ("floating point",))
    yield Sample("float-color.npy", made.npy((rgb / 255).astype(np.float32)), rgb, 1, ("floating point",))
    yield Sample("float-window.npy", made.npy(one.astype(np.float32) * 3 - 200), windowed(one), 1, ("floating point",))
    holes = (one / 255).astype(np.float32)
    holes[:4, :4], holes[5, 5], holes[6, 6] = np.nan, np.inf, -np.inf
    seen = one.copy()
    seen[:4, :4], seen[5, 5], seen[6, 6] = 0, 255, 0
    yield Sample("float-nan.npy", made.npy(holes), cube(seen), 1, ("floating point",))
    yield Sample(
        "all-nan.npy", made.npy(np.full((40, 48), np.nan)), np.zeros((40, 48, 1), np.uint8), 0, ("floating point",)
    )
    yield Sample(
        "constant.npy", made.npy(np.full((40, 48), 7000.0)), np.full((40, 48, 1), 255, np.uint8), 0, ("floating point",)
    )
    outlier = one.astype(np.float32) * 2
    outlier[3, 3] = 1e6
    clipped = windowed(one)
    clipped[3, 3] = 255
    yield Sample("outlier.npy", made.npy(outlier), clipped, 3, ("floating point",))
    yield Sample("2-bands.npy", made.npy(np.dstack([one, mask])), cube(one), 0, ("other bands",))
    yield Sample("4-bands.npy", made.npy(np.dstack([rgb, mask])), rgb, 0, ("other bands",))
    many = np.dstack([rgb, *[mask] * 10]).astype(np.uint16) * 257
    yield Sample("13-bands.npy", made.npy(many), rgb, 0, ("other bands", "16 bits"))
    yield Sample("deep-3.npy", made.npy(full(rgb.astype(np.uint16) * 257)), rgb)
    for name, array in (
        ("1-d", one[0]), ("4-d", rgb[None]), ("channels-first", np.moveaxis(rgb, 2, 0)), ("empty", rgb[:0]),
        ("17-bands", np.repeat(cube(one), 17, 2)), ("complex", one.astype(complex)), ("text", np.array([["a", "b"]])),
        ("objects", np.array([[None, {}]], dtype=object)), ("records", np.zeros((4, 4), [("a", "u1"), ("b", "u1")])),
    ):  # fmt: skip
        yield Sample(f"refused-{name}.npy", made.npy(array), None)
