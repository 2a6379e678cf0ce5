"""What a folder may hold: names, sizes, metadata, hostile files. Exact, or refused by name before any work."""

from __future__ import annotations

import io
import resource
import struct
import subprocess
import sys
import unicodedata
import zlib
from pathlib import Path

import numpy as np
import pytest
from helpers import call, crop, good, refused
from PIL import Image, PngImagePlugin

from ripguard.crypto.keys import Key
from ripguard.images.decoding import read_image
from ripguard.images.encoding import png_bytes
from ripguard.release.inspect import described
from ripguard.release.manifest import Release
from ripguard.schemes import label


def round_trip(source: Path, place: Path, *options: str) -> Path:
    """Protect and restore; returns the restored folder."""
    good("keygen", "--out", place / "k")
    good(
        "protect",
        source,
        place / "out",
        "--key-file",
        place / "k",
        "--workers",
        "1",
        *(options or ("--perturb", "none")),
    )
    good("restore", place / "out", place / "back", "--key-file", place / "k")
    return place / "back"


def test_names(tmp_path):  # type: ignore[no-untyped-def]
    """Names that are text in any language; those that some systems take for one stay two."""
    two_spellings = [unicodedata.normalize(form, "é.png") for form in ("NFC", "NFD")]
    names = [
        "-rf.png", "--help.png", " leading space.png", "trailing dot..png", "🙂.png",
        "שלום.png", "a'b\"c.png", "a%2fb.png", "$(id).png", "CON.png", "x" * 251 + ".png", "ß.png", "ss.png",
        *two_spellings,
    ]  # fmt: skip
    source = tmp_path / "source"
    source.mkdir()
    for index, name in enumerate(names):
        (source / name).write_bytes(png_bytes(crop(index, 18, 18)))
    back = round_trip(source, tmp_path)
    assert sum(path.is_file() for path in back.rglob("*")) == len(names)
    for index, name in enumerate(names):
        found = [path for path in back.rglob("*.png") if np.array_equal(read_image(path), crop(index, 18, 18))]
        assert len(found) == 1, name
        assert found[0].name.startswith(name[:-4])


@pytest.mark.parametrize("name", ["new\nline.png", "tab\t.png", "\x1b[2J.png", "\x9b31m.png", "a\u202egnp.png"])
def test_names_that_act_on_a_terminal(name, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Refused in new releases; a release of before that has them restores, and prints them written out."""
    from ripguard.release import plan

    source, key = tmp_path / "source", ("--key-file", tmp_path / "k", "--perturb", "none")
    for place in (source / "a" / name, source / "a" / "good.png"):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(png_bytes(crop(len(place.name), 18, 18)))
    good("keygen", "--out", tmp_path / "k")
    message = refused(3, "protect", source, tmp_path / "out", *key)
    assert name not in message
    assert "its name holds a character that is not shown" in message
    monkeypatch.setattr(plan, "odd_names", lambda names: [])
    good("protect", source, tmp_path / "out", *key)
    good("restore", tmp_path / "out", tmp_path / "back", *key[:2])
    assert (tmp_path / "back/a" / name).exists()
    (tmp_path / "out/a" / name).unlink()
    for verb in (("verify", tmp_path / "out"), ("restore", tmp_path / "out", tmp_path / "again", *key[:2])):
        code, out, err = call(*verb)
        assert code == 10
        assert name not in out + err


def test_names_that_would_become_too_long(tmp_path):  # type: ignore[no-untyped-def]
    """Two names that meet get longer; where that cannot be, the image is named before any work."""
    source = tmp_path / "source"
    source.mkdir()
    for suffix in (".png", ".bmp"):
        Image.fromarray(crop(1)).save(source / ("x" * 251 + suffix))
    good("keygen", "--out", tmp_path / "k")
    (tmp_path / "there").mkdir()
    for out in (tmp_path / "out", tmp_path / "there/new/deep/out"):
        message = refused(3, "protect", source, out, "--key-file", tmp_path / "k", "--perturb", "none")
        assert "longer than 255 bytes" in message
    assert not (tmp_path / ".out.ripguard-partial").exists()
    assert not list((tmp_path / "there").iterdir())  # nor a folder that was made for it


def test_sizes(tmp_path):  # type: ignore[no-untyped-def]
    """From one pixel to long strips, all in one folder, color and gray."""
    source = tmp_path / "source"
    source.mkdir()
    sizes = [(1, 1), (1, 2), (7, 9), (31, 33), (1, 4096), (4096, 1), (2, 500), (100, 3), (97, 101)]
    for index, (height, width) in enumerate(sizes):
        image = np.random.default_rng(index).integers(0, 256, (height, width, 3 if index % 2 else 1)).astype(np.uint8)
        (source / f"{index}.png").write_bytes(png_bytes(image))
    back = round_trip(source, tmp_path)
    for index in range(len(sizes)):
        restored = next(back.rglob(f"{index}.png"))
        np.testing.assert_array_equal(read_image(restored), read_image(source / f"{index}.png"))


ENSEMBLE = ("--scheme", "mrit-tap", "--surrogates", "2", "--surrogate-epochs", "1", "--steps", "8")


@pytest.mark.parametrize("more", [ENSEMBLE, ("--perturb", "marks")], ids=["ensemble", "marks"])
def test_mixed_sizes(tmp_path, monkeypatch, more):  # type: ignore[no-untyped-def]
    """Surrogates are trained on resized copies, marks are found on them; every size is perturbed and comes back."""
    monkeypatch.setenv("RIPGUARD_CACHE", str(tmp_path / "cache"))
    source = tmp_path / "source"
    sizes = [(32, 32), (40, 24), (20, 60), (90, 130)]
    for number in range(24):
        place = source / "train" / "ab"[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.png").write_bytes(png_bytes(crop(number, *sizes[number % 4])))
    back = round_trip(source, tmp_path, *more)
    for path in source.rglob("*.png"):
        name = path.relative_to(source)
        clean, published = read_image(path), read_image(tmp_path / "out" / name)
        np.testing.assert_array_equal(read_image(back / name), clean)
        assert np.abs(clean.astype(int) - published).max() > 8


def test_marks_looked_for_in_a_share_of_the_images(tmp_path):  # type: ignore[no-untyped-def]
    """Other marks than those of all images, the release says so, and all come back."""
    source = tmp_path / "source"
    for number in range(24):
        place = source / "train" / "abc"[number % 3]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.png").write_bytes(png_bytes(crop(number, 20, 20)))
    for name, more in (("all", ()), ("half", ("--surrogate-share", "0.5"))):
        (tmp_path / name).mkdir()
        back = round_trip(source, tmp_path / name, "--seed", "1", *more)
        for path in source.rglob("*.png"):
            np.testing.assert_array_equal(read_image(back / path.relative_to(source)), read_image(path))
    shown = [
        np.stack([read_image(path) for path in sorted((tmp_path / name / "out").rglob("*.png"))])
        for name in ("all", "half")
    ]
    assert (np.abs(shown[0].astype(int) - shown[1]) > 12).mean() > 0.01  # other marks, not other payload bits
    scheme = described(Release.open(tmp_path / "half" / "out"), Key.read(tmp_path / "half" / "k"))["scheme"]
    assert label(scheme) == "mrit, share 0.5"
    again = ("protect", source, tmp_path / "tiny", "--key-file", tmp_path / "all" / "k", "--surrogate-share")
    for wrong in ("0", "1.5", "half"):
        assert "surrogate-share: " in refused(2, *again, wrong)


def test_metadata_are_named_and_kept_with_whole_files(tmp_path):  # type: ignore[no-untyped-def]
    """Profiles, text, EXIF, gamma: counted by name; --byte-exact gives the files back byte for byte."""
    source, exif, text = tmp_path / "source", Image.Exif(), PngImagePlugin.PngInfo()
    source.mkdir()
    exif[0x010E] = "a description"
    text.add_text("Comment", "hello")
    gamma = PngImagePlugin.PngInfo()
    gamma.add(b"gAMA", struct.pack(">I", 45455))
    Image.fromarray(crop(1)).save(source / "profile.png", icc_profile=b"profile bytes")
    Image.fromarray(crop(2)).save(source / "text.png", pnginfo=text)
    Image.fromarray(crop(3)).save(source / "exif.jpg", exif=exif)
    Image.fromarray(crop(4)).save(source / "gamma.png", pnginfo=gamma)
    Image.fromarray(crop(5)).save(source / "plain.png")
    good("keygen", "--out", tmp_path / "k")
    more = ("--key-file", tmp_path / "k", "--perturb", "none")
    assert good("protect", source, tmp_path / "a", *more)["metadata"] == {
        "EXIF": 1,
        "ICC profile": 1,
        "gamma": 1,
        "text": 1,
    }
    assert "not kept: EXIF in 1, ICC profile in 1" in call("protect", source, tmp_path / "b", *more)[1]
    assert "not kept: ICC profile in 1" in call("protect", source, tmp_path / "d", *more, "--scheme", "seal")[1]
    good("restore", tmp_path / "d", tmp_path / "sealed", "--key-file", tmp_path / "k")
    kept = next((tmp_path / "sealed").rglob("exif.jpg"))  # a JPEG travels as it is
    assert kept.read_bytes() == (source / "exif.jpg").read_bytes()
    assert "not kept" not in call("protect", source, tmp_path / "c", *more, "--byte-exact")[1]
    good("restore", tmp_path / "c", tmp_path / "back", "--key-file", tmp_path / "k")
    for path in source.iterdir():
        assert next((tmp_path / "back").rglob(path.name)).read_bytes() == path.read_bytes()


def test_interlaced_png():
    """Pillow reads but does not write them: one made by hand, pass by pass."""
    image = np.random.default_rng(0).integers(0, 256, (11, 13, 3)).astype(np.uint8)
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    raw = b"".join(b"\0" + row.tobytes() for y, x, dy, dx in passes for row in image[y::dy, x::dx] if row.size)
    data = png_of([(b"IHDR", struct.pack(">IIBBBBB", 13, 11, 8, 2, 0, 0, 1)), (b"IDAT", zlib.compress(raw))])
    np.testing.assert_array_equal(read_image(data), image)


def png_of(chunks: list[tuple[bytes, bytes]]) -> bytes:
    packed = (
        struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in [*chunks, (b"IEND", b"")]
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def hostile() -> dict[str, bytes]:
    """Small files that ask for a lot."""
    head = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    small = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(8 * 25))
    text = b"Comment\0\0" + zlib.compress(bytes(200_000_000), 9)
    loop = b"II*\0\x08\0\0\0" + struct.pack("<H", 1) + struct.pack("<HHII", 256, 3, 1, 1) + struct.pack("<I", 8)
    npy = io.BytesIO()
    np.lib.format.write_array_header_1_0(npy, {"descr": "|u1", "fortran_order": False, "shape": (10**6, 10**6, 3)})
    pickled = io.BytesIO()
    np.save(pickled, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return {
        "png-50k.png": png_of([(b"IHDR", head), (b"IDAT", body)]),
        "png-text.png": png_of([(b"IHDR", small), (b"zTXt", text), (b"IDAT", zlib.compress(bytes(8 * 25)))]),
        "png-many-texts.png": png_of([(b"IHDR", small), *[(b"tEXt", b"k\0v")] * 100_000, (b"IDAT", b"x")]),
        "tiff-loop.tif": loop,
        "bmp-huge.bmp": b"BM"
        + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 2**30, 2**30, 1, 24, 0, 0, 0, 0, 0, 0),
        "ppm-huge.ppm": b"P6\n100000 100000\n255\n",
        "jpeg-huge.jpg": b"\xff\xd8\xff\xc0\0\x11\x08\xff\xdc\xff\xdc\x03\x01\x22\0\x02\x11\x01\x03\x11\x01\xff\xd9",
        "webp-cut.webp": b"RIFF\xff\xff\xff\x7fWEBPVP8L\xff\xff\xff\x7f",
        "npy-huge.npy": npy.getvalue(),
        "npy-pickle.npy": pickled.getvalue(),
    }


def limited() -> None:
    """Half a gibibyte, and thirty seconds of a processor, however busy the machine is."""
    resource.setrlimit(resource.RLIMIT_DATA, (512 << 20, 512 << 20))
    resource.setrlimit(resource.RLIMIT_CPU, (30, 30))


@pytest.mark.parametrize("name", sorted(hostile()))
def test_hostile_files_cost_little(name, tmp_path):  # type: ignore[no-untyped-def]
    """Refused within seconds and half a gibibyte, by name, with nothing begun."""
    source = tmp_path / "source"
    source.mkdir()
    (source / name).write_bytes(hostile()[name])
    good("keygen", "--out", tmp_path / "k")
    arguments = ["protect", source, tmp_path / "out", "--key-file", tmp_path / "k", "--perturb", "none"]
    done = subprocess.run(
        [sys.executable, "-m", "ripguard", *map(str, arguments)], capture_output=True, text=True, timeout=600,
        preexec_fn=limited,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert name in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob(".out*"))


@pytest.mark.slow
def test_fifty_megapixels(tmp_path):  # type: ignore[no-untyped-def]
    """The largest image that is accepted; one row more is refused."""
    source = tmp_path / "source"
    source.mkdir()
    image = np.tile(crop(1, 250, 250), (20, 40, 1))  # 5,000 × 10,000
    (source / "large.png").write_bytes(png_bytes(image))
    back = round_trip(source, tmp_path)
    np.testing.assert_array_equal(read_image(next(back.rglob("large.png"))), image)
    Image.fromarray(np.zeros((5001, 10_000), np.uint8)).save(source / "larger.png")
    assert "more than 50,000,000 pixels" in refused(
        3, "protect", source, tmp_path / "out2", "--key-file", tmp_path / "k", "--perturb", "none"
    )
