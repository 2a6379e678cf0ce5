"""Releases of WebP files: from the command to the files, with every way to read them."""

from __future__ import annotations

import json
import shutil
import sys

import numpy as np
import pytest
from helpers import call, crop, good, make_source, refused
from PIL import Image

import ripguard
from ripguard.api.arguments import IMAGE_FORMATS
from ripguard.errors import InputRefused, MissingExtra, UsageError
from ripguard.images.decoding import read_image
from ripguard.images.encoding import ENCODERS, WEBP_SIDE, webp_bytes
from ripguard.images.reencoded import read_published
from ripguard.release.manifest import Release
from ripguard.release.record import SUFFIXES
from ripguard.train.protected import ProtectedDataset


def test_one_list_of_formats():
    assert tuple(SUFFIXES) == IMAGE_FORMATS == tuple(ENCODERS)


@pytest.mark.parametrize("shape", [(1, 1, 3), (7, 5, 1), (32, 32, 3)])
def test_webp_is_lossless(shape):  # type: ignore[no-untyped-def]
    for seed in range(3):
        image = np.random.default_rng(seed).integers(0, 256 >> seed, shape).astype(np.uint8)
        assert np.array_equal(read_published(webp_bytes(image), shape=shape), image)


@pytest.mark.parametrize("hide", ["mrit", "seal"])
def test_round_trip(hide, tmp_path):  # type: ignore[no-untyped-def]
    """Gray, odd-sized, tiny and JPEG images, names that collide: protected, verified, restored whole and loose."""
    source = make_source(tmp_path / "s")
    good("keygen", "--out", tmp_path / "k")
    key = ("--key-file", tmp_path / "k", "--workers", "1")
    out = tmp_path / "out"
    own = ["--allow-residue"] if hide == "seal" else []  # for the tiny image
    made = good("protect", source, out, *key, "--hide", hide, *own, "--image-format", "webp")
    assert made["image_format"] == "webp"
    release = Release.open(out)
    assert release.info["codec"] == "webp"
    assert all(row["path"].endswith(".webp") for row in release.rows)
    assert all((out / row["path"]).read_bytes()[8:12] == b"WEBP" for row in release.rows)
    checked = good("verify", out, *key, "--source", source)
    assert checked["ok"]
    assert checked["equal_to_source"] == made["pictures"] == checked["restored"]
    assert checked["reencoded"] == checked["extra"] == []
    assert good("restore", out, tmp_path / "back", *key)["restored"] == made["pictures"]
    for path in source.rglob("*.*"):
        if path.suffix in (".png", ".jpg"):
            assert np.array_equal(read_image(tmp_path / "back" / path.relative_to(source)), read_image(path))
    carried = [row["path"] for row in release.rows if row["planes"]][:3]
    (tmp_path / "loose").mkdir()
    for number, path in enumerate(carried):
        shutil.copy(out / path, tmp_path / f"loose/{number}.webp")
    found = good("restore", tmp_path / "loose", tmp_path / "again", *key, "--release", out)
    assert found["restored"] == len(carried)
    data = ProtectedDataset(out, tmp_path / "k", "train")
    assert data.extensions == (".webp",)
    assert len(data) == sum(row["path"].startswith("train/") for row in release.rows)


def test_samples_under_a_webp_name_are_told(tmp_path):  # type: ignore[no-untyped-def]
    """A source file ``a.webp`` comes back as PNG bytes under its name, also if the release has that name, too."""
    for i in range(2):
        (tmp_path / "s" / "ab"[i]).mkdir(parents=True)
        Image.fromarray(crop(i)).save(tmp_path / "s" / "ab"[i] / "1.webp", lossless=True)
    good("keygen", "--out", tmp_path / "k")
    ids = set()
    for form in IMAGE_FORMATS:
        made = good("protect", tmp_path / "s", tmp_path / form, "--key-file", tmp_path / "k", "--image-format", form)
        back = good("restore", tmp_path / form, tmp_path / f"{form}-back", "--key-file", tmp_path / "k")
        assert back["png_named_otherwise"] == 2
        (tmp_path / form / f"a/1.{form}").rename(tmp_path / form / f"a/renamed.{form}")
        back = good("restore", tmp_path / form, tmp_path / f"{form}-again", "--key-file", tmp_path / "k")
        assert back["png_named_otherwise"] == 2
        ids.add(made["dataset_id"])
    assert len(ids) == 2  # other keys: an unfinished run of one format is not continued in the other


def test_a_side_that_webp_cannot_hold_is_refused_before_any_work(tmp_path):  # type: ignore[no-untyped-def]
    for i, width in enumerate((WEBP_SIDE, WEBP_SIDE + 1)):
        (tmp_path / "s" / "ab"[i]).mkdir(parents=True)
        Image.new("L", (width, 1)).save(tmp_path / "s" / "ab"[i] / "1.png")
    good("keygen", "--out", tmp_path / "k")
    command = ("protect", tmp_path / "s", tmp_path / "out", "--key-file", tmp_path / "k", "--perturb", "none")
    code, _, err = call(*command, "--image-format", "webp")
    assert code == InputRefused.exit_code
    assert "b/1.png: more than 16,383 pixels" in err
    assert "a/1.png" not in err
    assert not (tmp_path / "out").exists()
    good(*command, "--dry-run")  # PNG holds them
    good("check", tmp_path / "s")
    for early in ((*command, "--dry-run"), ("check", tmp_path / "s")):
        code, out, _ = call(*early, "--image-format", "webp", "--json")
        assert code == InputRefused.exit_code
        assert [one["path"] for one in json.loads(out)["refused"]] == ["b/1.png"]
    for images in (True, False):
        found = ripguard.check(tmp_path / "s", image_format="webp", perturb="noise", images=images, workers=1)
        assert [one["path"] for one in found.refused] == ["b/1.png"]
        assert found.images == images * 1


def test_an_unknown_format_is_refused(tmp_path):  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match="png or webp"):
        ripguard.check(make_source(tmp_path / "s"), image_format="bmp")


@pytest.fixture
def without_webp(monkeypatch):  # type: ignore[no-untyped-def]
    """Call it to have a Pillow that was built without WebP from then on."""

    def take() -> None:
        monkeypatch.setitem(sys.modules, "PIL._webp", None)
        monkeypatch.delitem(Image.SAVE, "WEBP", raising=False)
        monkeypatch.delitem(Image.OPEN, "WEBP", raising=False)

    Image.init()
    return take


def test_a_pillow_without_webp(tmp_path, without_webp):  # type: ignore[no-untyped-def]
    """PNG needs none. WebP is refused before any work, and a release of it is not called changed."""
    for i in range(2):
        (tmp_path / "s" / "ab"[i]).mkdir(parents=True)
        Image.fromarray(crop(i)).save(tmp_path / "s" / "ab"[i] / "1.png")
    good("keygen", "--out", tmp_path / "k")
    key = ("--key-file", tmp_path / "k")
    own = (*key, "--perturb", "noise", "--workers", "1")
    good("protect", tmp_path / "s", tmp_path / "webp", *own, "--image-format", "webp")
    without_webp()
    assert set(good("check", tmp_path / "s")["estimated"]) == {"source", "png"}
    good("protect", tmp_path / "s", tmp_path / "png", *own)
    refusal = refused(13, "protect", tmp_path / "s", tmp_path / "no", *own, "--image-format", "webp")
    assert "webp" in refusal
    assert not list(tmp_path.glob("*no*"))
    with pytest.raises(MissingExtra, match="webp"):
        ripguard.check(tmp_path / "s", image_format="webp")
    assert "cannot read: webp" in refused(13, "verify", tmp_path / "webp", *key)
    assert good("verify", tmp_path / "webp")["ok"]


def test_a_renamed_png_holds_png(tmp_path):  # type: ignore[no-untyped-def]
    """Its own name is that of the manifest, also where its file in the release has another name."""
    for i in range(2):
        (tmp_path / "s" / "ab"[i]).mkdir(parents=True)
        Image.fromarray(crop(i)).save(tmp_path / "s" / "ab"[i] / "1.png")
    good("keygen", "--out", tmp_path / "k")
    good("protect", tmp_path / "s", tmp_path / "out", "--key-file", tmp_path / "k", "--perturb", "noise")
    (tmp_path / "out/a/1.png").rename(tmp_path / "out/a/renamed.png")
    back = good("restore", tmp_path / "out", tmp_path / "back", "--key-file", tmp_path / "k")
    assert (back["restored"], back["png_named_otherwise"]) == (2, 0)
    assert (tmp_path / "back/a/1.png").is_file()
