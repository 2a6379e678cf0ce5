"""Grey pictures among coloured ones: published in colour, given back grey; kept grey where that was asked for."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers import good, make_source, refused
from PIL import Image

from ripguard import ProtectedDataset
from ripguard.images import png_bytes, read_picture

GREY = "train/cat/grey.png"


@pytest.fixture(scope="module", params=["mrit", "seal", "mrit-tap"])
def tinted(request, tmp_path_factory):  # type: ignore[no-untyped-def]
    """Folder with source, key and release; marks are what tints, unless asked for."""
    place = tmp_path_factory.mktemp(request.param)
    make_source(place / "source")
    good("keygen", "--out", place / "k")
    more = {"mrit": (), "seal": ("--allow-residue",), "mrit-tap": ("--tint", "--surrogate-epochs", "1")}[request.param]
    made = protect(place, "out", "--scheme", request.param, *more)
    assert made["tinted"]
    return place


def protect(place: Path, out: str, *options: str, source: str = "source") -> dict:
    return good("protect", place / source, place / out, "--key-file", place / "k", "--workers", "1", *options)


def test_published_in_colour_and_given_back_grey(tinted, tmp_path):  # type: ignore[no-untyped-def]
    """From the release, alone under another name, and as a torch data set; the file is of one channel again."""
    source, out, key = tinted / "source", tinted / "out", tinted / "k"
    clean, published = read_picture(source / GREY), read_picture(out / GREY)
    assert (clean.shape, published.shape) == ((32, 32, 1), (32, 32, 3))
    assert np.ptp(published.astype(int), axis=2).mean() > 3  # it has colour
    found = good("verify", out, "--key-file", key, "--against", source)
    assert found["ok"]
    assert found["equal_to_source"] == 30
    good("restore", out, tmp_path / "back", "--key-file", key)
    assert Image.open(tmp_path / "back" / GREY).mode == "L"
    np.testing.assert_array_equal(read_picture(tmp_path / "back" / GREY), clean)
    shutil.copy(out / GREY, tmp_path / "x.png")
    good("restore", tmp_path / "x.png", tmp_path / "alone", "--key-file", key, "--release", out)
    np.testing.assert_array_equal(read_picture(next((tmp_path / "alone").iterdir())), clean)
    data = ProtectedDataset(out, key)
    np.testing.assert_array_equal(np.asarray(data[data.names.index(GREY)][0]), clean[:, :, 0])
    assert good("inspect", out / GREY)["grey"]
    assert good("report", out, "--against", source, "--restored", tmp_path / "back")["restored_equal"] == 30


def test_a_converted_picture_is_refused(tinted, tmp_path):  # type: ignore[no-untyped-def]
    """Made grey again by somebody, or with one channel alone: damaged, not silently taken."""
    for name, picture in (("L", None), ("red", read_picture(tinted / "out" / GREY)[:, :, :1])):
        copy = Path(shutil.copytree(tinted / "out", tmp_path / name))
        with Image.open(copy / GREY) as image:
            data = image.convert("L")
        data.save(copy / GREY) if picture is None else (copy / GREY).write_bytes(png_bytes(picture))
        refused(5, "restore", copy / GREY, tmp_path / f"{name}-back", "--key-file", tinted / "k")


def test_what_stays_grey(tmp_path):  # type: ignore[no-untyped-def]
    """With --no-tint; in a data set of grey pictures alone; and without marks, unless asked for."""
    make_source(tmp_path / "source")
    good("keygen", "--out", tmp_path / "k")
    for out, options in (("kept", ("--no-tint",)), ("none", ("--perturb", "none")), ("lsp", ("--perturb", "lsp"))):
        assert not protect(tmp_path, out, *options)["tinted"]
        assert read_picture(tmp_path / out / GREY).shape == (32, 32, 1)
    for number in range(4):
        place = tmp_path / "grey" / "ab"[number % 2] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tmp_path / "source" / GREY, place)
    assert not protect(tmp_path, "all", source="grey")["tinted"]
    assert read_picture(tmp_path / "all" / "train" / "a" / "0.png").shape == (32, 32, 1)
