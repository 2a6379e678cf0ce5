"""What loaders and programs read is never counted as litter, whatever it begins with."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from helpers import crop
from PIL import Image

from ripguard._torchvision import torchvision
from ripguard.release.loadable import READ, may_be_loaded

APPLE = b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(4000)


def put(root: Path, name: str, data: bytes) -> bool:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(data)
    return may_be_loaded(root, name)


def test_the_suffixes_of_all_loaders():
    """Pillow's own list is that of Hugging Face's imagefolder; the others are those of timm, Ultralytics, Keras."""
    Image.init()
    known = {*Image.registered_extensions(), *torchvision.datasets.folder.IMG_EXTENSIONS}
    known |= {".dng", ".heic", ".heif", ".mpo", ".jp2", ".pfm", ".avif", ".webp", ".gif", ".npy", ".cache"}
    assert sorted(one for one in known if not one.endswith(READ)) == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [(".png", "PNG"), ("a/.evil.png", "GIF"), ("a/~$a.PNG", "ICO"), (".a.jpg", "JPEG2000"), ("._x.png", "PNG")]
    + [(".x.gif", "GIF"), (".w.webp", "TGA"), ("@eaDir/t.Tif", "TIFF"), (".p.pgm", "PPM"), (".y.ico", "ICO")],
)  # fmt: skip
def test_images_under_hidden_names(name, kind, tmp_path):  # type: ignore[no-untyped-def]
    file = io.BytesIO()
    Image.fromarray(crop(1)).convert("P" if kind == "GIF" else "RGB").save(file, kind)
    assert put(tmp_path, name, file.getvalue())


@pytest.mark.parametrize(
    "name",
    ["labels.cache", "a/labels.CACHE", "__pycache__/x.cpython-311.pyc", "a/__pycache__/x", "__pycache__/._a.png"]
    + [".x.pkl", "@eaDir/a.npy", ".w.pt", ".w.pth", ".a.so", "@tmp/metadata.csv", "lost+found/Metadata.jsonl"],
)
def test_what_programs_execute_unpickle_or_take_for_labels(name, tmp_path):  # type: ignore[no-untyped-def]
    assert put(tmp_path, name, APPLE)


def test_metadata_of_macos(tmp_path):  # type: ignore[no-untyped-def]
    """``._a.png`` is no image if it begins as AppleDouble does, and no decoder of Pillow opens it."""
    assert not put(tmp_path, "a/._a.png", APPLE)
    assert put(tmp_path, "a/.a.png", APPLE)
    assert put(tmp_path, "._b.png", b"\0\5\x16\7\x11\xaf" + APPLE[6:])  # a film of Autodesk (FLI)
    photo = bytearray(APPLE[:2048] + b"PCD_" + bytes(1 << 20))
    assert put(tmp_path, "._c.png", bytes(photo))
    assert Image.open(tmp_path / "._c.png").format == "PCD"
    assert put(tmp_path, "._d.png", b"")


def test_archives_under_any_name(tmp_path):  # type: ignore[no-untyped-def]
    """Hugging Face's imagefolder unpacks them: recognized by their content, also behind other bytes."""
    packed, plain, old = io.BytesIO(), io.BytesIO(), tarfile.TarInfo("cat/0.png")
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("cat/0.png", b"x")
    with tarfile.open(fileobj=plain, mode="w") as other:
        other.addfile(old, io.BytesIO())
    magicless = bytearray(plain.getvalue())
    magicless[257:265] = bytes(8)
    magicless[148:156] = b"%06o\0 " % (sum(magicless[:148]) + 8 * 32 + sum(magicless[156:512]))
    assert put(tmp_path, "a/x.bak", packed.getvalue())
    assert put(tmp_path, "a/~$x", b"text" * 100 + packed.getvalue())
    assert put(tmp_path, "a/x.tmp", plain.getvalue())
    assert put(tmp_path, "a/y.tmp", bytes(magicless))
    many = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 2) + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0, 0, 0, 0, 0)
    assert put(tmp_path, "a/volume.tmp", b"text" * 100 + many)
    assert not put(tmp_path, "a/z.tmp", b"no archive")
    assert not put(tmp_path, "a/.empty", b"")


def test_litter_is_not_read(tmp_path):  # type: ignore[no-untyped-def]
    for name in (".DS_Store", "a/Thumbs.db", "desktop.ini", ".git/config", "README.md~", "a/0.png.tmp", ".a.png.XyZ"):
        assert not put(tmp_path, name, b"\0\1\2 something"), name
