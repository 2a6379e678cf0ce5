"""Gray images among colored ones: published in color, given back gray; kept gray where that was asked for."""

from __future__ import annotations

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
from ripguard.crypto.keys import Key
from ripguard.images.decoding import read_image
from ripguard.images.encoding import png_bytes
from ripguard.release.inspect import described
from ripguard.release.manifest import Release

pytestmark = pytest.mark.numeric

GRAY = "train/cat/grey.png"


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
    """The usual tree, with more gray images: another of the same size, one too small for a header."""
    make_source(root)
    (root / "train/cup/grey.png").write_bytes(png_bytes(crop(200)[:, :, :1]))
    (root / "train/cup/tiny-grey.png").write_bytes(png_bytes(crop(201, 4, 3)[:, :, :1]))


def protect(place: Path, out: str, *options: str, source: str = "source") -> dict:
    return good("protect", place / source, place / out, "--key-file", place / "k", "--workers", "1", *options)


def test_published_in_color_and_given_back_gray(tinted, tmp_path):  # type: ignore[no-untyped-def]
    """From the release, alone under another name, and as a torch dataset; the file is of one channel again."""
    source, out, key = tinted / "source", tinted / "out", tinted / "k"
    clean, published = read_image(source / GRAY), read_image(out / GRAY)
    assert (clean.shape, published.shape) == ((32, 32, 1), (32, 32, 3))
    assert np.ptp(published.astype(int), axis=2).mean() > 3  # it has color
    found = good("verify", out, "--key-file", key, "--against", source)
    assert found["ok"]
    assert found["equal_to_source"] == 32
    good("restore", out, tmp_path / "back", "--key-file", key)
    assert Image.open(tmp_path / "back" / GRAY).mode == "L"
    np.testing.assert_array_equal(read_image(tmp_path / "back" / GRAY), clean)
    shutil.copy(out / GRAY, tmp_path / "x.png")
    good("restore", tmp_path / "x.png", tmp_path / "alone", "--key-file", key, "--release", out)
    np.testing.assert_array_equal(read_image(next((tmp_path / "alone").iterdir())), clean)
    data = ProtectedDataset(out, key, mode=None)
    np.testing.assert_array_equal(np.asarray(data[data.names.index(GRAY)][0]), clean[:, :, 0])
    facts = good("inspect", out / GRAY)
    assert facts["version"] == 2
    assert "grey" not in facts  # for the key holder alone
    assert good("report", out, "--against", source, "--restored", tmp_path / "back")["restored_equal"] == 32


def test_a_converted_image_is_refused(tinted, tmp_path):  # type: ignore[no-untyped-def]
    """Made gray again by somebody, or with one channel alone: damaged, not silently taken."""
    for name, image in (("L", None), ("red", read_image(tinted / "out" / GRAY)[:, :, :1])):
        copy = Path(shutil.copytree(tinted / "out", tmp_path / name))
        with Image.open(copy / GRAY) as pil:
            data = pil.convert("L")
        data.save(copy / GRAY) if image is None else (copy / GRAY).write_bytes(png_bytes(image))
        refused(5, "restore", copy / GRAY, tmp_path / f"{name}-back", "--key-file", tinted / "k")


def test_what_stays_gray(tmp_path):  # type: ignore[no-untyped-def]
    """With --no-tint; in a dataset of gray images alone; and without marks, unless asked for."""
    mixed_source(tmp_path / "source")
    good("keygen", "--out", tmp_path / "k")
    for out, options in (("kept", ("--no-tint",)), ("none", ("--perturb", "none")), ("lsp", ("--perturb", "lsp"))):
        assert not protect(tmp_path, out, *options)["tinted"]
        assert read_image(tmp_path / out / GRAY).shape == (32, 32, 1)
    for number in range(4):
        place = tmp_path / "grey" / "ab"[number % 2] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tmp_path / "source" / GRAY, place)
    assert not protect(tmp_path, "all", source="grey")["tinted"]
    assert read_image(tmp_path / "all" / "a" / "0.png").shape == (32, 32, 1)
    key, made = Key.read(tmp_path / "k"), [Release.open(tmp_path / out) for out in ("kept", "lsp", "all")]
    assert [described(one, key)["scheme"]["tint"] for one in made] == [False, False, None]


def test_the_paper_s_recovery(tmp_path):  # type: ignore[no-untyped-def]
    """--lossy: one channel again, and near."""
    mixed_source(tmp_path / "source")
    good("keygen", "--out", tmp_path / "k")
    protect(tmp_path, "out", "--lossy")
    good("restore", tmp_path / "out", tmp_path / "back", "--key-file", tmp_path / "k")
    clean, back = read_image(tmp_path / "source" / GRAY), read_image(tmp_path / "back" / GRAY)
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
