"""Grey pictures among coloured ones: published in colour, given back grey; kept grey where that was asked for."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import crop, good, make_source, refused, start, tree_digest
from PIL import Image

from ripguard import ProtectedDataset
from ripguard.images.decoding import read_picture
from ripguard.images.encoding import png_bytes

pytestmark = pytest.mark.numeric

GREY = "train/cat/grey.png"


MADE = {
    "mrit": (),
    "mrit, whole files": ("--byte-exact",),
    "seal": ("--scheme", "seal", "--allow-residue"),
    "seal, whole files": ("--scheme", "seal", "--allow-residue", "--byte-exact"),
    "adversarial": ("--scheme", "mrit-tap", "--tint", "--surrogate-epochs", "1"),
    "layered": ("--scheme", "layered", "--allow-residue", "--surrogate-epochs", "1"),
}


@pytest.fixture(scope="module", params=list(MADE))
def tinted(request, tmp_path_factory):  # type: ignore[no-untyped-def]
    """Folder with source, key and release; marks are what tints, unless asked for."""
    place = tmp_path_factory.mktemp("tinted")
    mixed_source(place / "source")
    good("keygen", "--out", place / "k")
    assert protect(place, "out", *MADE[request.param])["tinted"]
    return place


def mixed_source(root: Path) -> None:
    """The usual tree, with more grey pictures: another of the same size, one too small for a header."""
    make_source(root)
    (root / "train/cup/grey.png").write_bytes(png_bytes(crop(200)[:, :, :1]))
    (root / "train/cup/tiny-grey.png").write_bytes(png_bytes(crop(201, 4, 3)[:, :, :1]))


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
    assert found["equal_to_source"] == 32
    good("restore", out, tmp_path / "back", "--key-file", key)
    assert Image.open(tmp_path / "back" / GREY).mode == "L"
    np.testing.assert_array_equal(read_picture(tmp_path / "back" / GREY), clean)
    shutil.copy(out / GREY, tmp_path / "x.png")
    good("restore", tmp_path / "x.png", tmp_path / "alone", "--key-file", key, "--release", out)
    np.testing.assert_array_equal(read_picture(next((tmp_path / "alone").iterdir())), clean)
    data = ProtectedDataset(out, key)
    np.testing.assert_array_equal(np.asarray(data[data.names.index(GREY)][0]), clean[:, :, 0])
    assert good("inspect", out / GREY)["grey"]
    assert good("report", out, "--against", source, "--restored", tmp_path / "back")["restored_equal"] == 32


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
    mixed_source(tmp_path / "source")
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
    assert [info(tmp_path / out)["scheme"]["tint"] for out in ("kept", "lsp", "all")] == [False, False, None]


def test_the_paper_s_recovery(tmp_path):  # type: ignore[no-untyped-def]
    """--lossy: one channel again, and near."""
    mixed_source(tmp_path / "source")
    good("keygen", "--out", tmp_path / "k")
    protect(tmp_path, "out", "--lossy")
    good("restore", tmp_path / "out", tmp_path / "back", "--key-file", tmp_path / "k")
    clean, back = read_picture(tmp_path / "source" / GREY), read_picture(tmp_path / "back" / GREY)
    assert back.shape == clean.shape
    assert np.abs(back.astype(int) - clean).max() <= 3


def test_a_killed_run_is_continued(tmp_path):  # type: ignore[no-untyped-def]
    """The choice is a part of the plan: the same command goes on with it, to the same bytes."""
    mixed_source(tmp_path / "source")
    good("keygen", "--out", tmp_path / "k")
    protect(tmp_path, "out")
    wanted = tree_digest(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    commits = tmp_path / ".out.ripguard-partial" / "commits"
    for _ in range(20):  # it may end before it can be killed
        process = start(
            "protect", tmp_path / "source", tmp_path / "out", "--key-file", tmp_path / "k", "--workers", "1"
        )
        while process.poll() is None and not list(commits.glob("*.json")):
            time.sleep(0.001)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if not (tmp_path / "out").exists():
            break
        shutil.rmtree(tmp_path / "out")
    assert list(commits.glob("*.json"))
    assert protect(tmp_path, "out")["tinted"]
    assert tree_digest(tmp_path / "out") == wanted


def info(release: Path) -> dict:
    return json.loads((release / ".ripguard" / "release.json").read_text())
