"""PNG, JPEG, WebP and GIF."""

from __future__ import annotations

from collections.abc import Iterator

import made
import numpy as np
from corpus import Sample, alpha, cube, exif, flat, full, gray, photo, saved, stored
from image_files import chunk
from PIL import Image, ImageCms


def samples() -> Iterator[Sample]:
    yield from _png()
    yield from _jpeg()
    yield from _webp()
    yield from _gif()


def from_linear(linear: np.ndarray) -> np.ndarray:
    """Linear sRGB 0..1 → uint8."""
    linear = np.clip(linear, 0, 1)
    coded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(coded * 255).astype(np.uint8)


def seen_through(image: np.ndarray, columns: tuple[tuple[float, ...], ...], gamma: float) -> np.ndarray:
    """sRGB of an image whose profile is ``made.rgb_profile(columns, gamma)``."""
    xyz = (image / 255.0) ** gamma @ np.array(columns)
    return from_linear(xyz @ np.linalg.inv(np.array(made.SRGB)))


def _png() -> Iterator[Sample]:
    rgb, one, mask = photo(), gray(), alpha()
    sixteen = one.astype(np.uint16) * 257
    narrow = one.astype(np.uint16) * 16 + 5  # 12 bits
    yield Sample("rgb.png", saved(rgb, "PNG"), rgb)
    yield Sample("gray.png", saved(one, "PNG"), cube(one))
    yield Sample("interlaced.png", made.interlaced(rgb), rgb)
    bit = (one > 110).astype(np.uint8)
    yield Sample("1-bit.png", saved(Image.fromarray(bit * 255).convert("1"), "PNG"), cube(bit * 255), 0, ("1 bit",))
    for bits, kind in ((2, "2 bits"), (4, "4 bits")):
        few = one >> (8 - bits)
        wide = cube((few * (255 // (2**bits - 1))).astype(np.uint8))
        yield Sample(f"{bits}-bit.png", made.png(made.packed(few, bits), 0, bits), wide, 0, (kind,))
    yield Sample("rgba.png", saved(np.dstack([rgb, mask]), "PNG"), flat(rgb, mask), 1, ("alpha",))
    yield Sample("rgba-opaque.png", saved(np.dstack([rgb, mask * 0 + 255]), "PNG"), rgb, 0, ("alpha",))
    yield Sample(
        "gray-alpha.png", saved(Image.fromarray(np.dstack([one, mask]), "LA"), "PNG"), flat(one, mask), 1, ("alpha",)
    )
    yield Sample("16-bit-gray.png", saved(sixteen, "PNG"), cube(one), 0, ("16 bits",))
    low, high = np.percentile(narrow, (0.1, 99.9))
    if narrow.max() - narrow.min() < 2 * (high - low):
        low, high = narrow.min(), narrow.max()
    window = np.round(np.clip((narrow - float(low)) / (high - low), 0, 1) * 255).astype(np.uint8)
    yield Sample("12-bit-gray.png", saved(narrow, "PNG"), cube(window), 1, ("16 bits",))
    deep = rgb.astype(np.uint16) * 257 - (rgb > 128) * 90
    yield Sample("16-bit-rgb.png", made.png(made.wide(deep), 2, 16), full(deep), 1, ("16 bits",))
    deep_alpha = np.dstack([deep, mask.astype(np.uint16) * 257])
    yield Sample(
        "16-bit-rgba.png", made.png(made.wide(deep_alpha), 6, 16), flat(full(deep), mask), 2, ("16 bits", "alpha")
    )
    gray_alpha = np.dstack([sixteen, mask.astype(np.uint16) * 257])
    yield Sample(
        "16-bit-gray-alpha.png", made.png(made.wide(gray_alpha), 4, 16), flat(one, mask), 2, ("16 bits", "alpha")
    )

    palette = Image.fromarray(rgb).quantize(60)
    seen = np.asarray(palette.convert("RGB"))
    yield Sample("palette.png", saved(palette, "PNG"), seen, 0, ("palette",))
    for bits, colors in ((1, 2), (2, 4), (4, 16)):
        few_colors = Image.fromarray(rgb).quantize(colors)
        kinds = ("palette",)
        yield Sample(
            f"palette-{bits}-bit.png",
            saved(few_colors, "PNG", bits=bits),
            np.asarray(few_colors.convert("RGB")),
            0,
            kinds,
        )
    index = np.asarray(palette)
    levels = np.arange(60) * 4
    clear = saved(palette, "PNG", transparency=bytes(levels.tolist()))
    yield Sample("palette-alpha.png", clear, flat(seen, levels[index].astype(np.uint8)), 1, ("palette", "alpha"))
    common = int(np.bincount(index.ravel()).argmax())
    hole = np.where(index == common, 0, 255).astype(np.uint8)
    yield Sample(
        "palette-transparent.png", saved(palette, "PNG", transparency=common), flat(seen, hole), 0, ("palette", "alpha")
    )
    key = tuple(int(value) for value in rgb[0, 0])
    keyed = flat(rgb, np.where((rgb == key).all(2), 0, 255))
    yield Sample("transparent-color.png", saved(rgb, "PNG", transparency=key), keyed, 0, ("transparent color",))
    late = chunk(b"tRNS", b"".join(bytes((0, value)) for value in key))
    data = made.png(rgb.reshape(40, -1), 2, 8, behind=late)
    yield Sample("transparent-color-late.png", data, keyed, 0, ("transparent color",))
    level = int(one[20, 24])
    keyed_gray = flat(one, np.where(one == level, 0, 255))
    yield Sample("transparent-gray.png", saved(one, "PNG", transparency=level), keyed_gray, 0, ("transparent color",))
    few = one >> 6
    data = made.png(made.packed(few, 2), 0, 2, chunk(b"tRNS", b"\0\2"))
    holes = flat((few * 85).astype(np.uint8), np.where(few == 2, 0, 255))
    yield Sample("transparent-2-bit.png", data, holes, 0, ("2 bits", "transparent color"))
    data = made.png(made.packed(bit, 1), 0, 1, chunk(b"tRNS", b"\0\0"))
    white = np.full((40, 48, 1), 255, np.uint8)
    yield Sample("transparent-1-bit.png", data, white, 0, ("1 bit", "transparent color"))
    trns = chunk(b"tRNS", (level * 257).to_bytes(2, "big"))
    data = made.png(made.wide(sixteen), 0, 16, trns)
    yield Sample("transparent-16-bit.png", data, keyed_gray, 0, ("16 bits", "transparent color"))
    frames = {"save_all": True, "append_images": [Image.fromarray(photo(1))]}
    yield Sample("animated.png", saved(rgb, "PNG", **frames), rgb, 0, ("several frames",))
    yield Sample("animated.apng", saved(rgb, "PNG", **frames, default_image=True), rgb, 0, ("several frames",))
    for turn in (3, 6):
        data = saved(stored(rgb, turn), "PNG", exif=exif(turn))
        yield Sample(f"turned-{turn}.png", data, rgb, 0, ("EXIF orientation",))
    data = saved(np.dstack([stored(rgb, 8), stored(mask, 8)]), "PNG", exif=exif(8))
    yield Sample("turned-8-alpha.png", data, flat(rgb, mask), 1, ("EXIF orientation", "alpha"))

    adobe = made.rgb_profile(made.ADOBE, 2.2)
    yield Sample(
        "icc-adobe.png", saved(rgb, "PNG", icc_profile=adobe), seen_through(rgb, made.ADOBE, 2.2), 3, ("ICC profile",)
    )
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    yield Sample("icc-srgb.png", saved(rgb, "PNG", icc_profile=srgb), rgb)
    yield Sample("icc-damaged.png", saved(rgb, "PNG", icc_profile=adobe[:300]), rgb)
    yield Sample("icc-of-another-mode.png", saved(rgb, "PNG", icc_profile=made.gray_profile(1.8)), rgb)
    bright = from_linear((one / 255.0) ** 1.4)
    yield Sample(
        "icc-gray.png", saved(one, "PNG", icc_profile=made.gray_profile(1.4)), cube(bright), 3, ("ICC profile",)
    )
    p3 = made.rgb_profile(made.P3, 2.2)
    data = saved(np.dstack([rgb, mask]), "PNG", icc_profile=p3)
    yield Sample("icc-alpha.png", data, flat(seen_through(rgb, made.P3, 2.2), mask), 3, ("ICC profile", "alpha"))
    yield Sample(
        "icc-palette.png",
        saved(palette, "PNG", icc_profile=p3),
        seen_through(seen, made.P3, 2.2),
        3,
        ("ICC profile", "palette"),
    )


def _jpeg() -> Iterator[Sample]:
    rgb, one = photo(1), gray(1)
    image = Image.fromarray(rgb)
    fine = {"quality": 95, "subsampling": 0}
    yield Sample("fine.jpg", saved(rgb, "JPEG", **fine), rgb, 20)
    yield Sample("usual.jpeg", saved(rgb, "JPEG"), rgb, 70)
    yield Sample("progressive.jfif", saved(rgb, "JPEG", progressive=True, **fine), rgb, 20)
    yield Sample("gray.jpe", saved(one, "JPEG", quality=95), cube(one), 12)
    kept = saved(rgb, "JPEG", keep_rgb=True, **fine)
    yield Sample("not-ycbcr.jpg", kept, rgb, 20)
    for turn in range(1, 9):
        kinds = ("EXIF orientation",) if turn > 1 else ()
        yield Sample(f"turned-{turn}.jpg", saved(stored(rgb, turn), "JPEG", exif=exif(turn), **fine), rgb, 20, kinds)
    data = saved(stored(one, 6), "JPEG", exif=exif(6), quality=95)
    yield Sample("turned-6-gray.jpg", data, cube(one), 12, ("EXIF orientation",))
    yield Sample("orientation-0.jpg", saved(rgb, "JPEG", exif=exif(0), **fine), rgb, 20)
    yield Sample("orientation-9.jpg", saved(rgb, "JPEG", exif=exif(9), **fine), rgb, 20)
    yield Sample("cmyk.jpg", saved(image.convert("CMYK"), "JPEG", **fine), rgb, 20, ("CMYK",))
    ink = np.dstack([np.zeros_like(one)] * 3 + [255 - one])
    cmyk = Image.fromarray(ink, "CMYK")
    yield Sample("cmyk-black.jpg", saved(cmyk, "JPEG", **fine), np.dstack([one] * 3), 16, ("CMYK",))
    # L* falls from 100 to 0 while the ink rises: sRGB of that lightness
    lightness = one / 255.0 * 100
    y = np.where(lightness > 8, ((lightness + 16) / 116) ** 3, lightness / 903.3)
    seen = np.dstack([from_linear(y)] * 3)
    yield Sample("cmyk-icc.jpg", saved(cmyk, "JPEG", icc_profile=made.cmyk_profile(), **fine), seen, 20, ("CMYK",))
    yield Sample("ycck.jpg", _ycck(rgb), rgb, 20, ("YCCK",))
    adobe = made.rgb_profile(made.ADOBE, 2.2)
    data = saved(rgb, "JPEG", icc_profile=adobe, **fine)
    yield Sample("icc-adobe.jpg", data, seen_through(rgb, made.ADOBE, 2.2), 24, ("ICC profile",))
    data = saved(stored(rgb, 6), "JPEG", icc_profile=adobe, exif=exif(6), **fine)
    yield Sample("icc-turned.jpg", data, seen_through(rgb, made.ADOBE, 2.2), 24, ("ICC profile", "EXIF orientation"))
    two = {"save_all": True, "append_images": [Image.fromarray(photo(2))], **fine}
    yield Sample("two.mpo", saved(rgb, "MPO", **two), rgb, 20, ("several frames",))
    yield Sample("mpo.jpg", saved(rgb, "MPO", **two, exif=exif(1)), rgb, 20, ("several frames",))
    yield Sample("motion.jpg", saved(rgb, "JPEG", **fine) + b"\0\0\0\x18ftypmp42" + bytes(500), rgb, 20)


def _ycck(rgb: np.ndarray) -> bytes:
    """An Adobe YCCK JPEG: the inverted inks as YCbCr, and black. Its four planes are those of a CMYK file."""
    inks = np.dstack([255 - rgb, np.zeros_like(rgb[:, :, 0])])
    ycc = np.asarray(Image.fromarray(255 - rgb).convert("YCbCr"))  # Pillow inverts on writing, as Adobe does
    data = saved(Image.fromarray(np.dstack([255 - ycc, inks[:, :, 3]]), "CMYK"), "JPEG", quality=95, subsampling=0)
    at = data.index(b"Adobe")
    assert data[at + 11] == 0
    return data[: at + 11] + b"\2" + data[at + 12 :]


def _webp() -> Iterator[Sample]:
    rgb, mask = photo(2), alpha()
    whole = {"lossless": True, "exact": True}
    yield Sample("lossless.webp", saved(rgb, "WEBP", **whole), rgb)
    yield Sample("lossy.webp", saved(rgb, "WEBP", quality=95), rgb, 70)
    yield Sample("alpha.webp", saved(np.dstack([rgb, mask]), "WEBP", **whole), flat(rgb, mask), 1, ("alpha",))
    two = {"save_all": True, "append_images": [Image.fromarray(photo(1))], **whole}
    yield Sample("animated.webp", saved(rgb, "WEBP", **two), rgb, 0, ("several frames",))
    for turn in (5, 6):
        data = saved(stored(rgb, turn), "WEBP", exif=exif(turn), **whole)
        yield Sample(f"turned-{turn}.webp", data, rgb, 0, ("EXIF orientation",))
    data = saved(rgb, "WEBP", icc_profile=made.rgb_profile(made.P3, 1.8), **whole)
    yield Sample("icc.webp", data, seen_through(rgb, made.P3, 1.8), 3, ("ICC profile",))


def _gif() -> Iterator[Sample]:
    image = Image.fromarray(photo()).quantize(100)
    other, seen = Image.fromarray(photo(1)).quantize(100), np.asarray(image.convert("RGB"))
    yield Sample("palette.gif", saved(image, "GIF", interlace=0), seen, 0, ("palette",))
    yield Sample("interlaced.gif", saved(image, "GIF", interlace=1), seen, 0, ("palette",))
    yield Sample("gray.gif", saved(gray(), "GIF", optimize=False), cube(gray()))
    yield Sample("few-grays.gif", saved(gray(), "GIF"), np.dstack([gray()] * 3), 0, ("palette",))
    index = np.asarray(image)
    common = int(np.bincount(index.ravel()).argmax())
    hole = flat(seen, np.where(index == common, 0, 255))
    yield Sample(
        "transparent.gif", saved(image, "GIF", transparency=common, optimize=False), hole, 0, ("palette", "alpha")
    )
    data = saved(image, "GIF", save_all=True, append_images=[other], duration=50)
    yield Sample("animated.gif", data, seen, 0, ("palette", "several frames"))
    data = saved(image, "GIF", save_all=True, append_images=[other], transparency=common, optimize=False, disposal=2)
    yield Sample("animated-transparent.gif", data, hole, 0, ("palette", "alpha", "several frames"))
