"""Whoever has no key cannot add to a release what loaders read, under any name, without verify's notice."""

from __future__ import annotations

import io
import json
import shutil

import numpy as np
import pytest
from helpers import call, crop
from PIL import Image
from releases import golden

from ripguard.images.encoding import png_bytes


def verified(root):  # type: ignore[no-untyped-def]
    code, out, err = call("verify", root, "--json")
    assert "Traceback" not in err
    return code, json.loads(out)


def image(kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(crop(70)).save(file, kind)
    return file.getvalue()


ADDED = {
    "train/cat/.png": image("PNG"),
    "train/cat/.evil.png": image("GIF"),
    "train/cat/~$0.png": image("ICO"),
    "train/cat/._0.png": image("PNG"),
    "train/cat/.ripguard/0.png": image("PNG"),
    "train/.cat/0.JPG": image("JPEG2000"),
    "train/labels.cache": b"\x80\x04cos\nsystem\n",
    "train/cat/__pycache__/a.cpython-311.pyc": b"code",
    "train/cat/x.pkl": b"\x80\x04.",
}


@pytest.mark.parametrize("name", ADDED)
def test_an_added_file(name, copied):  # type: ignore[no-untyped-def]
    release = copied()
    (release / name).parent.mkdir(exist_ok=True)
    (release / name).write_bytes(ADDED[name])
    assert verified(release)[1]["extra"] == [name]


def test_an_array_in_the_place_of_an_image(copied):  # type: ignore[no-untyped-def]
    """Ultralytics reads 0.npy, with blue first, in the place of 0.png: no second copy."""
    release = copied()
    np.save(release / "train/cat/0.npy", np.asarray(Image.open(release / "train/cat/0.png")))
    assert verified(release)[1]["extra"] == ["train/cat/0.npy"]


def test_a_hidden_copy_beside_its_image(copied):  # type: ignore[no-untyped-def]
    release = copied()
    shutil.copy(release / "train/cat/0.png", release / "train/cat/.0.png")
    code, found = verified(release)
    assert (code, found["duplicates"], found["litter"]) == (0, ["train/cat/.0.png"], [])


def test_folders_of_metadata_in_old_releases(tmp_path):  # type: ignore[no-untyped-def]
    """Only .ripguard in the root holds metadata: one in a class folder is a place for images."""
    root = golden("ranked", tmp_path)
    folder = next(root.rglob("*.png")).parent
    (folder / ".ripguard").mkdir()
    (folder / ".ripguard/0.png").write_bytes(png_bytes(crop(70)))
    code, found = verified(root)
    assert (code, found["extra"]) == (10, [f"{folder.relative_to(root).as_posix()}/.ripguard/0.png"])
