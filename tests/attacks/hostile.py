"""Image files that were made to hurt: each a function that gives the bytes of one file, all of them small.

What a file of a kind costs must be in proportion to its bytes and pixels, and what comes of it is its exact image or
a refusal.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from helpers import crop
from image_files import chunk, frames, png_16_bit, run_length, saved, segment, strips, tiff, webp_canvas
from PIL import Image, PngImagePlugin

from ripguard.images.encoding import png_bytes

Maker = Callable[[], bytes]
HOSTILE: dict[str, tuple[str, Maker]] = {}  # what it is → (suffix, maker)
RGB = crop(7, 32, 32)
BOMB = bytes(64 << 20)


def kind(name: str, suffix: str) -> Callable[[Maker], Maker]:
    def add(made: Maker) -> Maker:
        HOSTILE[name] = suffix, made
        return made

    return add


def png(width: int, height: int, rows: bytes, *more: bytes, depth: int = 8, color: int = 2, lace: int = 0) -> bytes:
    """A PNG with packed rows, and more chunks before them."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, lace))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def lines(width: int = 32, height: int = 32, channels: int = 3) -> bytes:
    return zlib.compress((b"\0" + bytes(range(width * channels % 256)).ljust(width * channels, b"x")) * height)


def in_png(*more: bytes) -> bytes:
    """A good PNG with more chunks behind its header."""
    data = png_bytes(RGB)
    return data[:33] + b"".join(more) + data[33:]


def in_jpeg(*more: bytes, **options: object) -> bytes:
    data = saved(Image.fromarray(RGB), "JPEG", **options)
    return data[:2] + b"".join(more) + data[2:]


def npy(header: str, body: bytes = b"", version: int = 1) -> bytes:
    text = header.encode() + b"\n"
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text + body


def array(shape: str, fortran: bool = False, kind: str = "|u1") -> str:
    return f"{{'descr': '{kind}', 'fortran_order': {fortran}, 'shape': {shape}}}"


def ifd(entries: list[tuple[int, int, int, int]], following: int = 0, tail: bytes = b"", big: bool = False) -> bytes:
    """A TIFF of one directory at byte 8 (16 for a BigTIFF): (tag, type, count, value) each."""
    if big:
        packed = b"".join(struct.pack("<HHQQ", *one) for one in entries)
        return struct.pack("<2sHHHQQ", b"II", 43, 8, 0, 16, len(entries)) + packed + struct.pack("<Q", following) + tail
    packed = b"".join(struct.pack("<HHII", *one) for one in entries)
    return struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + packed + struct.pack("<I", following) + tail


def plain(width: int = 4, height: int = 4, **changed: tuple[int, int, int]) -> list[tuple[int, int, int, int]]:
    """Tags of a gray TIFF whose pixels stand at byte 200."""
    tags = {256: (4, 1, width), 257: (4, 1, height), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 273: (4, 1, 200),
            277: (3, 1, 1), 278: (4, 1, height), 279: (4, 1, width * height)}  # fmt: skip
    tags |= {int(tag[1:]): value for tag, value in changed.items()}
    return [(tag, *tags[tag]) for tag in sorted(tags)]


def scans(count: int, side: int = 32) -> bytes:
    """A progressive JPEG whose last scan stands there so many times."""
    data = saved(Image.fromarray(RGB).resize((side, side)), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + data[-2:]


def webp(payload: bytes, name: bytes = b"VP8L") -> bytes:
    body = b"WEBP" + name + struct.pack("<I", len(payload)) + payload + b"\0" * (len(payload) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def bmp(width: int, height: int, bits: int = 24, packing: int = 0, body: bytes = b"", colors: int = 0) -> bytes:
    size = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, packing, len(body), 0, 0, colors, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(body), 0, 0, 54) + size + body


# --- nothing, or hardly anything


@kind("zero bytes", ".png")
def _() -> bytes:
    return b""


@kind("first bytes of a PNG alone", ".png")
def _() -> bytes:
    return b"\x89PNG\r\n\x1a\n"


@kind("first bytes of a JPEG alone", ".jpg")
def _() -> bytes:
    return b"\xff\xd8\xff"


@kind("zeros behind the first bytes of a PNG", ".png")
def _() -> bytes:
    return b"\x89PNG\r\n\x1a\n" + bytes(1 << 20)


@kind("an image under another format's name", ".tif")
def _() -> bytes:
    return png_bytes(RGB)


@kind("random bytes behind a WebP's first", ".webp")
def _() -> bytes:
    return b"RIFF\xff\xff\xff\xffWEBP" + np.random.default_rng(1).bytes(4000)


# --- PNG


@kind("PNG cut in half", ".png")
def _() -> bytes:
    return png_bytes(RGB)[: len(png_bytes(RGB)) // 2]


@kind("PNG of 2³¹−1 by 2³¹−1", ".png")
def _() -> bytes:
    return png((1 << 31) - 1, (1 << 31) - 1, lines())


@kind("PNG of no width", ".png")
def _() -> bytes:
    return png(0, 32, lines())


@kind("PNG of 7,000 by 7,000 with pixels for one line", ".png")
def _() -> bytes:
    return png(7000, 7000, lines(7000, 1))


@kind("PNG whose pixels unpack to 64 MiB", ".png")
def _() -> bytes:
    return png(32, 32, zlib.compress(BOMB, 9))


@kind("PNG of 300,000 empty chunks", ".png")
def _() -> bytes:
    return in_png(chunk(b"prVt", b"") * 300_000)


@kind("PNG of 100,000 empty pieces of pixels", ".png")
def _() -> bytes:
    return in_png(chunk(b"IDAT", b"") * 100_000)


@kind("PNG with a text that unpacks to 64 MiB", ".png")
def _() -> bytes:
    return in_png(chunk(b"zTXt", b"x\0\0" + zlib.compress(BOMB, 9)))


@kind("PNG with a thousand texts of 1 MiB", ".png")
def _() -> bytes:
    return in_png(chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(1 << 20), 9)) * 1000)


@kind("PNG with an international text that unpacks to 64 MiB", ".png")
def _() -> bytes:
    return in_png(chunk(b"iTXt", b"x\0\1\0\0\0" + zlib.compress(BOMB, 9)))


@kind("PNG with a color profile that unpacks to 64 MiB", ".png")
def _() -> bytes:
    return in_png(chunk(b"iCCP", b"x\0\0" + zlib.compress(BOMB, 9)))


@kind("PNG with sixty color profiles of 1 MiB", ".png")
def _() -> bytes:
    return in_png(chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(1 << 20), 9)) * 60)


@kind("PNG with a chunk that claims 2 GiB", ".png")
def _() -> bytes:
    return png_bytes(RGB)[:33] + struct.pack(">I", (1 << 31) - 1) + b"teXt" + b"x" * 99


@kind("PNG with wrong checks", ".png")
def _() -> bytes:
    data = bytearray(png_bytes(RGB))
    data[-5] ^= 1
    data[30] ^= 1
    return bytes(data)


@kind("PNG that says it moves a million times", ".png")
def _() -> bytes:
    return in_png(chunk(b"acTL", struct.pack(">II", 1_000_000, 0)))


@kind("PNG that moves in frames of another size", ".png")
def _() -> bytes:
    frame = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 9999, 9999, 99, 99, 1, 1, 2, 2))
    return in_png(chunk(b"acTL", struct.pack(">II", 2, 0)), frame, chunk(b"fdAT", b"\0\0\0\1" + lines()))


@kind("PNG with a palette shorter than its numbers", ".png")
def _() -> bytes:
    return png(32, 32, lines(32, 32, 1), chunk(b"PLTE", b"abc"), color=3)


@kind("PNG with a palette and none of its colors", ".png")
def _() -> bytes:
    return png(32, 32, lines(32, 32, 1), chunk(b"tRNS", bytes(400)), color=3)


@kind("PNG in color with a palette", ".png")
def _() -> bytes:
    return in_png(chunk(b"PLTE", bytes(768)))


@kind("PNG of 16 bits", ".png")
def _() -> bytes:
    return png_16_bit()


@kind("PNG laced, cut short", ".png")
def _() -> bytes:
    return png(32, 32, lines(32, 9), lace=1)


@kind("PNG with filters that there are not", ".png")
def _() -> bytes:
    return png(32, 32, zlib.compress((b"\xff" + bytes(96)) * 32))


@kind("PNG with another behind its end", ".png")
def _() -> bytes:
    return png_bytes(RGB) + png_bytes(255 - RGB)


@kind("PNG whose EXIF goes round in a circle", ".png")
def _() -> bytes:
    return in_png(chunk(b"eXIf", b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHII", 34665, 4, 1, 8) + struct.pack("<I", 8)))


@kind("PNG with an EXIF that claims much", ".png")
def _() -> bytes:
    return in_png(chunk(b"eXIf", b"II*\0\x08\0\0\0\xff\xff" + struct.pack("<HHII", 274, 3, 0xFFFFFFFF, 8)))


@kind("PNG whose text names are half characters", ".png")
def _() -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("x", "\x1b[2J\u202e", "en", "x")
    return saved(Image.fromarray(RGB), "PNG", pnginfo=info)


# --- JPEG


@kind("JPEG of 8 MiB of 0xFF", ".jpg")
def _() -> bytes:
    return b"\xff\xd8" + b"\xff" * (8 << 20)


@kind("JPEG with 8 MiB of 0xFF before its header", ".jpg")
def _() -> bytes:
    return in_jpeg(b"\xff" * (8 << 20))


@kind("JPEG of 99 scans", ".jpg")
def _() -> bytes:
    return scans(89, 1024)


@kind("JPEG of 5,000 scans", ".jpg")
def _() -> bytes:
    return scans(5000)


@kind("JPEG cut off", ".jpg")
def _() -> bytes:
    return in_jpeg()[:-200]


@kind("JPEG of 65,500 by 65,500", ".jpg")
def _() -> bytes:
    data = bytearray(in_jpeg())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", 65500, 65500)
    return bytes(data)


@kind("JPEG of 7,000 by 7,000 with pixels for a corner", ".jpg")
def _() -> bytes:
    data = bytearray(in_jpeg())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", 7000, 7000)
    return bytes(data)


@kind("JPEG with an EXIF that goes round in a circle", ".jpg")
def _() -> bytes:
    loop = b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHII", 34665, 4, 1, 8) + struct.pack("<I", 8)
    return in_jpeg(segment(0xE1, b"Exif\0\0" + loop))


@kind("JPEG with 60 EXIF segments of 64 KiB", ".jpg")
def _() -> bytes:
    return in_jpeg(segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0" + bytes(65000)) * 60)


@kind("JPEG with 250 pieces of a color profile", ".jpg")
def _() -> bytes:
    return in_jpeg(*(segment(0xE2, b"ICC_PROFILE\0" + bytes([i + 1, 250]) + bytes(60000)) for i in range(250)))


@kind("JPEG with 100,000 comments", ".jpg")
def _() -> bytes:
    return in_jpeg(segment(0xFE, b"") * 100_000)


@kind("JPEG with Photoshop's blocks of no size", ".jpg")
def _() -> bytes:
    return in_jpeg(segment(0xED, b"Photoshop 3.0\0" + b"8BIM\4\4\0\0\0\0\0\0" * 5000))


@kind("JPEG in lossless coding", ".jpg")
def _() -> bytes:
    return in_jpeg().replace(b"\xff\xc0", b"\xff\xc3", 1)


@kind("JPEG with arithmetic coding", ".jpg")
def _() -> bytes:
    return in_jpeg().replace(b"\xff\xc0", b"\xff\xc9", 1)


@kind("JPEG that tells of more images", ".jpg")
def _() -> bytes:
    return saved(Image.fromarray(RGB), "MPO", save_all=True, append_images=[Image.fromarray(255 - RGB)])


@kind("JPEG with a web page behind it", ".jpg")
def _() -> bytes:
    return in_jpeg() + b"<html><script>alert(1)</script>" + b"PK\3\4" + bytes(99)


# --- TIFF


@kind("TIFF of 20,000 empty frames", ".tif")
def _() -> bytes:
    return frames(20_000)


@kind("TIFF whose directory follows itself", ".tif")
def _() -> bytes:
    return ifd(plain(), 8).ljust(200, b"\0") + bytes(16)


@kind("TIFF of 200,001 strips", ".tif")
def _() -> bytes:
    return strips(200_001)


@kind("TIFF of 150,000 strips", ".tif")
def _() -> bytes:
    return strips(150_000)


@kind("TIFF of tiles larger than it", ".tif")
def _() -> bytes:
    tags = plain(t322=(4, 1, 1 << 30), t323=(4, 1, 1 << 30), t324=(4, 1, 200), t325=(4, 1, 16))
    return ifd([one for one in tags if one[0] not in (273, 278, 279)]).ljust(200, b"\0") + bytes(16)


@kind("TIFF of 2³² by 2³²", ".tif")
def _() -> bytes:
    return ifd(plain(0xFFFFFFFF, 1, t257=(4, 1, 0xFFFFFFFF))).ljust(200, b"\0") + bytes(16)


@kind("TIFF with a tag of 4 GiB", ".tif")
def _() -> bytes:
    return ifd(plain(t270=(2, 0xFFFFFFF0, 8))).ljust(200, b"\0") + bytes(16)


@kind("TIFF whose strip says it has 4 GiB", ".tif")
def _() -> bytes:
    return ifd(plain(t279=(4, 1, 0xFFFFFFFF))).ljust(200, b"\0") + bytes(16)


@kind("TIFF with a thousand samples a pixel", ".tif")
def _() -> bytes:
    return ifd(plain(t277=(3, 1, 1000), t258=(3, 1000, 200))).ljust(200, b"\0") + b"\x08\0" * 1000 + bytes(16000)


@kind("TIFF in Deflate that unpacks to 64 MiB", ".tif")
def _() -> bytes:
    packed = zlib.compress(BOMB, 9)
    return ifd(plain(t259=(3, 1, 8), t279=(4, 1, len(packed)))).ljust(200, b"\0") + packed


@kind("TIFF in LZW of junk", ".tif")
def _() -> bytes:
    junk = np.random.default_rng(2).bytes(5000)
    return ifd(plain(64, 64, t259=(3, 1, 5), t279=(4, 1, 5000))).ljust(200, b"\0") + junk


@kind("TIFF in fax coding of junk", ".tif")
def _() -> bytes:
    junk = np.random.default_rng(3).bytes(5000)
    return ifd(plain(64, 64, t258=(3, 1, 1), t259=(3, 1, 4), t279=(4, 1, 5000))).ljust(200, b"\0") + junk


@kind("TIFF in JPEG of junk", ".tif")
def _() -> bytes:
    inside = in_jpeg()
    return ifd(plain(32, 32, t259=(3, 1, 7), t279=(4, 1, len(inside)))).ljust(200, b"\0") + inside


@kind("BigTIFF with a directory of 2⁶⁰ tags", ".tif")
def _() -> bytes:
    return struct.pack("<2sHHHQQ", b"II", 43, 8, 0, 16, 1 << 60) + bytes(400)


@kind("BigTIFF with a tag of 2⁶⁰ bytes", ".tif")
def _() -> bytes:
    tags = [(tag, form, 1 << 60 if tag == 270 else many, at) for tag, form, many, at in plain(t270=(2, 1, 8))]
    return ifd(tags, big=True).ljust(400, b"\0")


@kind("TIFF of four samples", ".tif")
def _() -> bytes:
    return tiff(4, 2, struct.pack("<HHII", 338, 3, 1, 0))


@kind("TIFF with planes of their own, and one strip", ".tif")
def _() -> bytes:
    return ifd(plain(t277=(3, 1, 3), t258=(3, 1, 8), t262=(3, 1, 2), t284=(3, 1, 2))).ljust(200, b"\0") + bytes(48)


# --- WebP, BMP, PNM, arrays


@kind("WebP in lossless coding that claims 16,383 by 16,383", ".webp")
def _() -> bytes:
    return webp(b"\x2f" + struct.pack("<I", 0x3FFF | 0x3FFF << 14) + bytes(500))


@kind("WebP in lossless coding of 3,000 by 3,000, all one color", ".webp")
def _() -> bytes:
    return webp(b"\x2f" + struct.pack("<I", 2999 | 2999 << 14) + b"\x88\x88\x08" + bytes(60))


@kind("WebP canvas of 16,383 by 16,383", ".webp")
def _() -> bytes:
    return webp_canvas(16383, 16383)


@kind("WebP canvas of another size", ".webp")
def _() -> bytes:
    return webp_canvas(99, 99)


@kind("WebP that moves", ".webp")
def _() -> bytes:
    more = [Image.fromarray(np.roll(RGB, i, 0)) for i in range(40)]
    return saved(Image.fromarray(RGB), "WEBP", save_all=True, append_images=more, lossless=True)


@kind("WebP of 100,000 empty chunks", ".webp")
def _() -> bytes:
    body = saved(Image.fromarray(RGB), "WEBP", lossless=True)[12:] + b"XXXX\0\0\0\0" * 100_000
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


@kind("WebP cut off", ".webp")
def _() -> bytes:
    return saved(Image.fromarray(RGB), "WEBP", lossless=True)[:-100]


@kind("BMP in run lengths, of 4,000,000 pixels", ".bmp")
def _() -> bytes:
    return run_length(2000, 2000)


@kind("BMP in run lengths, of 49,000,000 pixels", ".bmp")
def _() -> bytes:
    return run_length(7000, 7000)


@kind("BMP in run lengths that jump out", ".bmp")
def _() -> bytes:
    return run_length(32, 32)[:1078] + b"\0\2\xff\xff" * 5000 + b"\0\1"


@kind("BMP that is upside down, 2³¹ high", ".bmp")
def _() -> bytes:
    return bmp(32, -(1 << 31), body=bytes(3072))


@kind("BMP with a palette of 2³¹ colors", ".bmp")
def _() -> bytes:
    return bmp(32, 32, 8, body=bytes(2048), colors=(1 << 31) - 1)


@kind("BMP of 7,000 by 7,000 without pixels", ".bmp")
def _() -> bytes:
    return bmp(7000, 7000)


@kind("BMP with a JPEG in it", ".bmp")
def _() -> bytes:
    return bmp(32, 32, 24, 4, in_jpeg())


@kind("PNM in decimals of 900 comments", ".ppm")
def _() -> bytes:
    return b"P3\n32 32 255\n" + b"#\n" * 900 + b"1\n" * 3072


@kind("PNM in decimals of a megabyte of comments", ".ppm")
def _() -> bytes:
    return b"P2\n32 32 255\n" + b"#a\n" * 350_000 + b"1\n" * 1024


@kind("PNM with one comment of a megabyte", ".ppm")
def _() -> bytes:
    return b"P2\n32 32 255\n#" + b"a" * (1 << 20) + b"\n" + b"1\n" * 1024


@kind("PNM with a number of a megabyte", ".ppm")
def _() -> bytes:
    return b"P2\n32 32 255\n" + b"1" * (1 << 20) + b"\n" + b"1\n" * 1023


@kind("PNM with blanks for a megabyte", ".ppm")
def _() -> bytes:
    return b"P2\n32 32 255\n" + b" " * (1 << 20) + b"1\n" * 1024


@kind("PNM with a maximum of 254", ".ppm")
def _() -> bytes:
    return b"P6 32 32 254\n" + bytes(3072)


@kind("PNM with a maximum of 0", ".ppm")
def _() -> bytes:
    return b"P6 32 32 0\n" + bytes(3072)


@kind("PNM with a maximum that a comment hides", ".ppm")
def _() -> bytes:
    return b"P6 32 32 #255\n#255\n127\n" + bytes(3072)


@kind("PNM whose size is a number of 4,000 digits", ".ppm")
def _() -> bytes:
    return b"P6 " + b"9" * 4000 + b" 32 255\n" + bytes(3072)


@kind("PNM of 7,000 by 7,000 without pixels", ".ppm")
def _() -> bytes:
    return b"P6 7000 7000 255\n"


@kind("PNM of floating point numbers", ".pnm")
def _() -> bytes:
    return b"Pf\n32 32\n-1e-400\n" + bytes(4096)


@kind("PNM with a name for its kind", ".pnm")
def _() -> bytes:
    return b"P7\nWIDTH 32\nHEIGHT 32\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n" + bytes(3072)


@kind("array with a pickle in it", ".npy")
def _() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([[print, eval]], dtype=object), allow_pickle=True)
    return buffer.getvalue()


@kind("array whose type is a sentence of Python", ".npy")
def _() -> bytes:
    return npy("{'descr': __import__('os').getcwd(), 'fortran_order': False, 'shape': (4, 4)}", bytes(16))


@kind("array with a header of 4 GiB", ".npy")
def _() -> bytes:
    return b"\x93NUMPY\2\0\xff\xff\xff\xff" + b"{" * 5000


@kind("array with a header of brackets", ".npy")
def _() -> bytes:
    return npy("(" * 9000 + ")" * 9000, version=1)


@kind("array with a header of blanks, a megabyte", ".npy")
def _() -> bytes:
    return npy(array("(4, 4)") + " " * (1 << 20), bytes(16), 2)


@kind("array of 10¹⁸ pixels", ".npy")
def _() -> bytes:
    return npy(array("(1000000000, 1000000000)"), bytes(99))


@kind("array of fewer than no pixels", ".npy")
def _() -> bytes:
    return npy(array("(-4, -4, 3)"), bytes(99))


@kind("array whose sizes are yes and no", ".npy")
def _() -> bytes:
    return npy(array("(True, True)"), bytes(1))


@kind("array with columns first", ".npy")
def _() -> bytes:
    return npy(array("(32, 32, 3)", True), RGB.tobytes())


@kind("array of a version that there is not", ".npy")
def _() -> bytes:
    return b"\x93NUMPY\x09\x09" + npy(array("(4, 4)"), bytes(16))[8:]


@kind("array with fields", ".npy")
def _() -> bytes:
    return npy("{'descr': [('a', '|u1'), ('b', 'O')], 'fortran_order': False, 'shape': (4, 4)}", bytes(99))


@kind("array of a type without size", ".npy")
def _() -> bytes:
    return npy(array("(4, 4)", kind="|V0"), bytes(16))


# --- others that Pillow knows, under an image's name


@kind("EPS", ".png")
def _() -> bytes:
    return b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n%%EndComments\nshowpage\n"


@kind("GIF of 10,000 frames", ".png")
def _() -> bytes:
    one = saved(Image.fromarray(RGB[:, :, 0]), "GIF")
    return one[:-1] + one[one.index(b"\x2c") : -1] * 10_000 + b";"


@kind("SVG that refers to itself", ".png")
def _() -> bytes:
    return b'<!DOCTYPE x [<!ENTITY a "&a;&a;">]><svg xmlns="http://www.w3.org/2000/svg">&a;</svg>'


def made(name: str) -> bytes:
    return HOSTILE[name][1]()
