"""Image files: what is accepted comes in exactly, everything else is refused by name."""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from image_files import (
    RGB,
    chunk,
    frames,
    png_16_bit,
    run_length,
    saved,
    segment,
    strips,
    tiff,
    webp_canvas,
    with_chunk,
)
from PIL import Image

from ripguard.errors import InputRefused, StorageError
from ripguard.images import limits, reading, refusals
from ripguard.images.decoding import file_suffix, metadata, read_image, samples_claimed, size_of_image
from ripguard.images.encoding import png_bytes


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "WEBP"])
def test_lossless_formats_are_exact(kind):  # type: ignore[no-untyped-def]
    """RGB and grayscale in every lossless format."""
    options = {"lossless": True} if kind == "WEBP" else {}
    np.testing.assert_array_equal(read_image(saved(Image.fromarray(RGB), kind, **options)), RGB)
    if kind != "WEBP":
        gray = read_image(saved(Image.fromarray(RGB[:, :, 0]), kind))
        np.testing.assert_array_equal(gray, RGB[:, :, :1])
    np.testing.assert_array_equal(read_image(png_bytes(RGB[:, :, :1])), RGB[:, :, :1])


def test_arrays_are_exact():
    """uint8 .npy, with or without a channel axis, in either memory order; everything else is refused by name."""

    def npy(array: np.ndarray) -> bytes:
        buffer = io.BytesIO()
        np.save(buffer, array)
        return buffer.getvalue()

    np.testing.assert_array_equal(read_image(npy(RGB)), RGB)
    np.testing.assert_array_equal(read_image(npy(np.asfortranarray(RGB))), RGB)
    np.testing.assert_array_equal(read_image(npy(RGB[:, :, 0])), RGB[:, :, :1])
    for wrong, words in (
        (RGB.astype(np.float32), "got float32"), (RGB[:, :, :2], r"got uint8 \[9, 7, 2\]"), (RGB[0, 0], "got uint8"),
        (RGB[:0], "without pixels"),
    ):  # fmt: skip
        with pytest.raises(InputRefused, match=words):
            read_image(npy(wrong), "somewhere.npy")
    with pytest.raises(InputRefused, match="not a readable"):
        read_image(npy(RGB)[:-1], "somewhere.npy")
    with pytest.raises(InputRefused, match="not a readable"):  # sizes that are no numbers
        read_image(npy(RGB[:1, :1]).replace(b"(1, 1, 3), }", b"(True,1,3),}"), "somewhere.npy")


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
        "16-bit color behind another chunk": (with_chunk(sixteen, b"prIv", b"", 8), "not a readable PNG"),
        "16-bit color behind another header": (with_chunk(sixteen, b"IHDR", ihdr, 8), "not a readable PNG"),
        "transparent color, told late": (with_chunk(whole, b"tRNS", bytes(6), end), "transparent"),
        "infrared": (tiff(4, 2, struct.pack("<HHII", 338, 3, 1, 0)), "got 4"),
        "five samples": (tiff(5, 2, struct.pack("<HHII", 338, 3, 2, 0)), "got 5"),
        "gray and more": (tiff(2, 1, struct.pack("<HHII", 338, 3, 1, 0)), "got 2"),
        "signed": (tiff(1, 1, struct.pack("<HHII", 339, 3, 1, 2)), "unsigned"),
        "deep TIFF": (saved(Image.fromarray(RGB[:, :, 0].astype(np.uint16) * 257), "TIFF"), "mode I;16"),
        "float TIFF": (saved(Image.fromarray(RGB[:, :, 0].astype(np.float32)), "TIFF"), "mode F"),
        "pages": (saved(two[0], "TIFF", **many), "one frame, got more"),
        "CMYK TIFF": (saved(image.convert("CMYK"), "TIFF"), "mode CMYK"),
        "LAB": (saved(image.convert("LAB"), "TIFF"), "mode LAB"),
        "YCbCr TIFF": (saved(image.convert("YCbCr"), "TIFF"), "mode YCbCr"),
        "moving WebP": (saved(two[0], "WEBP", **many, lossless=True), "one frame, got 2"),
        "two images in a JPEG": (saved(two[0], "MPO", **many), "one frame, got 2"),
        "deep PNM": (b"P6 2 1 65535\n" + bytes(12), "another maximum"),
        "decimal numbers, cut off": (b"P3 1 1 255\n12 34 5", "may be truncated"),
        "too many scans": (many_scans(), "more than 100 scans"),
        "palette": (saved(image.convert("P"), "PNG"), "mode P"),
        "alpha": (saved(image.convert("RGBA"), "PNG"), "mode RGBA"),
        "gray alpha": (saved(image.convert("LA"), "PNG"), "mode LA"),
        "one bit": (saved(image.convert("1"), "PNG"), "mode 1"),
        "cmyk": (saved(image.convert("CMYK"), "JPEG"), "mode CMYK"),
        "16-bit gray": (saved(Image.fromarray(RGB[:, :, 0].astype(np.uint16) * 257), "PNG"), "mode I;16"),
        "16-bit color": (png_16_bit(), "16-bit PNG"),
        "animation": (saved(two[0], "PNG", save_all=True, append_images=two[1:]), "one frame, got 2"),
        "orientation": (saved(image, "JPEG", exif=exif), "EXIF orientation"),
        "transparent color": (saved(image, "PNG", transparency=(1, 2, 3)), "transparent"),
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
        read_image(data, "somewhere.png")
    assert words in str(caught.value)


def test_accepted_like_the_others():
    """What only looks like a refused kind."""
    np.testing.assert_array_equal(read_image(tiff(3, 2)), np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
    assert read_image(b"P3 1 1 255\n12 34 56\n").tolist() == [[[12, 34, 56]]]
    exif = Image.Exif()
    exif[274] = 0  # no orientation
    assert read_image(saved(Image.fromarray(RGB), "JPEG", exif=exif)).shape == RGB.shape
    assert read_image(saved(Image.fromarray(RGB), "JPEG", progressive=True)).shape == RGB.shape


@pytest.mark.parametrize("turn", range(2, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_every_orientation_is_refused(turn, kind):  # type: ignore[no-untyped-def]
    """Neither applied nor lost."""
    exif = Image.Exif()
    exif[274] = turn
    with pytest.raises(InputRefused, match="EXIF orientation"):
        read_image(saved(Image.fromarray(RGB), kind, exif=exif), "somewhere.png")


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "TIFF", "BMP", "PPM"])
def test_cut_files_of_other_formats(kind):  # type: ignore[no-untyped-def]
    """Refused, or all there: never other pixels."""
    data = saved(Image.fromarray(RGB), kind, **({"lossless": True} if kind == "WEBP" else {}))
    whole = read_image(data)
    for length in range(len(data)):
        with contextlib.suppress(InputRefused):
            np.testing.assert_array_equal(read_image(data[:length]), whole)


def test_every_truncation_is_refused():
    """A PNG cut at any byte is refused, also where Pillow would still show all of its pixels."""
    data = png_bytes(RGB)
    for length in range(len(data)):
        with pytest.raises(InputRefused):
            read_image(data[:length])


@functools.cache
def endless() -> dict[str, tuple[bytes, str]]:
    """Small files that cost a decoder seconds to hours, and by which words they are refused."""
    jpeg, png, more = saved(Image.fromarray(RGB), "JPEG"), png_bytes(RGB), limits.MAX_READS + 1
    scans, first = limits.MAX_SCANS + 1, jpeg.index(b"\xff\xda")
    profile = chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(1 << 20), 9))
    return {
        "JPEG of fill bytes": (b"\xff\xd8" + b"\xff" * more + jpeg[2:], "too many chunks"),
        "JPEG of comments": (jpeg[:2] + segment(0xFE, b"") * more + jpeg[2:], "too many chunks"),
        "JPEG of EXIF": (jpeg[:2] + segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0") * 65 + jpeg[2:], "64 EXIF segments"),
        "JPEG of scans": (jpeg[:first] + jpeg[first:-2] * scans + jpeg[-2:], "100 scans"),
        "PNG of empty chunks": (png[:33] + chunk(b"prVt", b"") * (more // 2) + png[33:], "too many chunks"),
        "PNG of color profiles": (png[:33] + profile * 65 + png[33:], "64 color profiles"),
        "PNM of comments": (b"P2\n2 2 255\n" + b"#\n" * 1001 + b"1\n" * 4, "1,000 comments"),
        "PNM with a long comment in its header": (b"P5\n#" + b"a" * more + b"\n2 2 255\nabcd", "too many chunks"),
        "TIFF of strips": (strips(limits.MAX_STRIPS + 1), "200,000 strips"),
        "BMP of run lengths": (run_length(2001, 2000), "run-length coded BMP"),
        "WebP that claims much": (webp_canvas(16383, 16383), "more than 50,000,000 pixels"),
    }


@pytest.mark.parametrize("name", sorted(endless()))
def test_files_that_take_for_ever_are_refused(name, tmp_path):  # type: ignore[no-untyped-def]
    """By name, by everything that opens images."""
    data, words = endless()[name]
    for function in (read_image, metadata):
        if function is read_image or name != "BMP of run lengths":  # which costs its pixels only
            with pytest.raises(InputRefused, match=words):
                function(data)
    (tmp_path / "x").write_bytes(data)
    assert samples_claimed(tmp_path / "x") < 2**30  # is told, or 0, and not waited for
    assert read_image(run_length(20, 20)).shape == (20, 20, 1)
    assert file_suffix(data) in (".jpg", ".png", ".ppm", ".tif", ".bmp", ".webp")  # by the first bytes


def test_frames_are_not_counted(monkeypatch):  # type: ignore[no-untyped-def]
    """Of a TIFF two are looked at, however many there are: each took longer than the one before."""
    looked = []
    load = refusals.ImageFileDirectory_v2.load
    monkeypatch.setattr(refusals.ImageFileDirectory_v2, "load", lambda *a: (looked.append(a), load(*a))[1])
    with pytest.raises(InputRefused, match="expected one frame, got more"):
        read_image(frames(2000))
    assert len(looked) <= 4


def test_sizes_are_told_by_headers(tmp_path):  # type: ignore[no-untyped-def]
    """Width and height as they decode, without decoding; what is no image is refused, or claims nothing."""
    made = {kind: saved(Image.fromarray(RGB), kind) for kind in ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM")}
    made["lossless"] = saved(Image.fromarray(RGB), "WEBP", lossless=True)
    made["exif"] = saved(Image.fromarray(RGB), "WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0")
    buffer = io.BytesIO()
    np.save(buffer, RGB)
    made["npy"] = buffer.getvalue()
    path = tmp_path / "x"
    for data in made.values():
        path.write_bytes(data)
        assert size_of_image(path) == (7, 9)
        assert samples_claimed(path) == 9 * 7 * 3
        assert read_image(data, expected=(9, 7, 3)).shape == (9, 7, 3)
        assert read_image(path, expected=(9, 7)).dtype == np.uint8
        with pytest.raises(InputRefused, match=r"expected an image of 9×7, got 7×9"):
            read_image(data, expected=(7, 9, 3))
    for junk in (b"", b"RIFF", b"\x93NUMPY", b"\xff\xd8\xff", b"GIF89a" + bytes(9), made["TIFF"][:20]):
        path.write_bytes(junk)
        assert samples_claimed(path) == 0
        with pytest.raises(InputRefused, match="not a readable"):
            size_of_image(path)


def test_another_size_is_refused_before_it_is_decoded(monkeypatch):  # type: ignore[no-untyped-def]
    """No pixel is decoded, and the decoder of WebP, which makes room at once, is not even called."""
    data, canvas = saved(Image.fromarray(RGB), "PNG"), webp_canvas(4000, 4000)
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", None)
    with pytest.raises(InputRefused, match="expected an image"):
        read_image(data, expected=(8, 7, 3))
    monkeypatch.setattr(Image, "open", None)
    with pytest.raises(InputRefused, match="expected an image"):
        read_image(canvas, expected=(9, 7, 3))


def test_arrays_that_claim_much_take_no_memory(monkeypatch):  # type: ignore[no-untyped-def]
    """The shape in the header is looked at before there is room for it."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|u1", "fortran_order": False, "shape": (7000, 7000, 3)})
    monkeypatch.setattr(np, "frombuffer", None)
    with pytest.raises(InputRefused, match=r"not a readable \.npy array"):
        read_image(buffer.getvalue() + bytes(100))


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE, errno.EMFILE])
def test_what_cannot_be_read_just_now(number, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Is a matter of storage (9), never damage or an unreadable kind; what is not there is refused (3)."""
    path = tmp_path / "x.png"
    path.write_bytes(png_bytes(RGB))

    def failing(*_, **__):  # type: ignore[no-untyped-def]
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", failing)
        for read in (read_image, size_of_image):
            with pytest.raises(StorageError, match="cannot be read"):
                read(path)
        assert samples_claimed(path) == 0
    for read in (read_image, size_of_image):
        with pytest.raises(InputRefused, match="cannot be read: No such file"):
            read(tmp_path / "nowhere.png")


def test_out_of_memory_is_no_damage(monkeypatch):  # type: ignore[no-untyped-def]
    """A decoder without memory ends in exit code 9."""

    def full(*_):  # type: ignore[no-untyped-def]
        raise MemoryError

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", full)
    with pytest.raises(StorageError, match=r"out of memory while reading somewhere\.png"):
        read_image(png_bytes(RGB), "somewhere.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names")
def test_only_regular_files_are_opened(tmp_path: Path):
    """A pipe is not waited for, a folder and a device are refused; links are followed only where that is asked for."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "x.png").write_bytes(png_bytes(RGB))
    (tmp_path / "link.png").symlink_to("x.png")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        for read in (read_image, size_of_image):
            with pytest.raises(InputRefused, match="not a regular file"):
                read(path)
        assert samples_claimed(path) == 0
    np.testing.assert_array_equal(read_image(tmp_path / "link.png"), RGB)
    with pytest.raises(InputRefused, match="links are not followed"):
        read_image(tmp_path / "link.png", follow=False)


def test_a_file_is_read_as_long_as_it_says(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """No more room is made than its size, and one that grows meanwhile is refused."""
    path, asked = tmp_path / "x.png", []
    path.write_bytes(png_bytes(RGB))
    size = path.stat().st_size
    begin = open

    def watched(*names, **options):  # type: ignore[no-untyped-def]
        file = begin(*names, **options)
        read = file.read

        class Growing:
            def __enter__(self):  # type: ignore[no-untyped-def]
                return self

            def __exit__(self, *_):  # type: ignore[no-untyped-def]
                file.close()

            fileno = staticmethod(file.fileno)

            def read(self, most):  # type: ignore[no-untyped-def]
                asked.append(most)
                if grows:
                    os.truncate(path, 2 * size)
                return read(most)

        return Growing()

    monkeypatch.setattr(reading, "open", watched, raising=False)
    grows = False
    np.testing.assert_array_equal(read_image(path), RGB)
    assert sum(asked) <= size + 1
    grows = True
    with pytest.raises(InputRefused, match="grew"):
        read_image(path)
