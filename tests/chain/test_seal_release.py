"""A release of scheme ``seal``: self-contained, original files back, its model guarded, old releases still read."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import skimage.data
from helpers import call, flip_bit, good, make_source, refused
from metadata import info_of, part, put
from PIL import Image

from ripguard.images.decoding import read_image
from ripguard.images.encoding import png_bytes
from ripguard.release.identify import read_header

pytestmark = pytest.mark.numeric

SEAL = ("--scheme", "seal", "--perturb", "none", "--workers", "1")


@pytest.fixture
def small(tmp_path):  # type: ignore[no-untyped-def]
    """Source, key and release of the mixed test tree."""
    source = make_source(tmp_path / "source")
    good("keygen", "--out", tmp_path / "k")
    return source, tmp_path / "k", tmp_path / "out"


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):  # type: ignore[no-untyped-def]
    """A release large enough for a model of its own: 1,000 images of 32×32, as PNG."""
    place = tmp_path_factory.mktemp("fitted")
    photograph, draw = skimage.data.chelsea(), np.random.default_rng(0)
    for number in range(1000):
        y, x = draw.integers(photograph.shape[0] - 32), draw.integers(photograph.shape[1] - 32)
        target = place / "source" / f"class{number % 2}" / f"{number}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(png_bytes(photograph[y : y + 32, x : x + 32]))
    good("keygen", "--out", place / "k")
    made = good("protect", place / "source", place / "out", "--key-file", place / "k", *SEAL, "--coder-steps", "60")
    return place, made


def test_mixed_images(small, tmp_path):  # type: ignore[no-untyped-def]
    """Gray, odd-sized and JPEG images come back; those too small to carry a header need --allow-residue, by name."""
    source, key, out = small
    said = refused(3, "protect", source, out, "--key-file", key, *SEAL)
    assert "tiny.png" in said
    assert "--allow-residue" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["k", "k.sign", "source"]  # nothing was begun
    made = good("protect", source, out, "--key-file", key, *SEAL, "--allow-residue")
    assert made["without_residue"] < made["pictures"] == 30
    found = good("verify", out, "--key-file", key, "--against", source)
    assert found["ok"]
    assert found["equal_to_source"] == 30
    good("restore", out, tmp_path / "back", "--key-file", key)
    jpeg = tmp_path / "back" / "train" / "cat" / "a.jpg"
    assert jpeg.read_bytes() == (source / "train" / "cat" / "a.jpg").read_bytes()


@pytest.mark.parametrize(
    "more", [("--planes", "4"), ("--planes", "4", "--coders", "webp"), ("--planes", "2", "--byte-exact")]
)
def test_no_room(more, tmp_path):  # type: ignore[no-untyped-def]
    """The one noisy image among smooth ones is named before any work, whatever coders there are."""
    place = tmp_path / "source" / "a"
    place.mkdir(parents=True)
    for number in range(5):
        (place / f"{number}.png").write_bytes(png_bytes(np.full((32, 32, 3), 40 * number, np.uint8)))
    (place / "noise.png").write_bytes(png_bytes(np.random.default_rng(0).integers(0, 90, (32, 32, 3)).astype(np.uint8)))
    good("keygen", "--out", tmp_path / "k")
    said = refused(3, "protect", tmp_path / "source", tmp_path / "out", "--key-file", tmp_path / "k", *SEAL, *more)
    assert "a/noise.png: this 32×32×3 image needs" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["k", "k.sign", "source"]
    (place / "noise.png").unlink()
    good("protect", tmp_path / "source", tmp_path / "out", "--key-file", tmp_path / "k", *SEAL, *more)


def test_whole_files(small, tmp_path):  # type: ignore[no-untyped-def]
    """--byte-exact: every file byte for byte under its own name, without residue where it fits."""
    source, key, out = small
    (source / "train" / "cat" / "tiny.png").unlink()
    made = good("protect", source, out, "--key-file", key, *SEAL, "--byte-exact", "--allow-residue")
    assert made["exact"]
    good("restore", out, tmp_path / "back", "--key-file", key)
    images = [path for path in source.rglob("*") if path.suffix.lower() in (".png", ".jpg")]
    assert len(images) == 29
    for path in images:
        assert (tmp_path / "back" / path.relative_to(source)).read_bytes() == path.read_bytes()


def test_loose_images_need_nothing_but_the_key(small, tmp_path):  # type: ignore[no-untyped-def]
    """Renamed, re-encoded, far from their release; a JPEG comes back as such."""
    source, key, out = small
    good("protect", source, out, "--key-file", key, *SEAL, "--allow-residue")
    jpeg = next(out.rglob("a.jpg.png"))
    shutil.copy(jpeg, tmp_path / "holiday.png")
    Image.open(out / "train" / "cup" / "1.png").save(tmp_path / "other.bmp")
    good("restore", tmp_path / "holiday.png", tmp_path / "other.bmp", tmp_path / "back", "--key-file", key)
    assert (tmp_path / "back" / "holiday.jpg").read_bytes() == (source / "train" / "cat" / "a.jpg").read_bytes()
    after = read_image(tmp_path / "back" / "other.png")
    np.testing.assert_array_equal(after, read_image(source / "train" / "cup" / "1.png"))
    refused(6, "restore", source / "train" / "cup" / "1.png", tmp_path / "no", "--key-file", key)


def test_what_carries_nothing_may_change(small, tmp_path):  # type: ignore[no-untyped-def]
    """A high bit flipped inside the release: restored exactly all the same, and verify says that it changed."""
    source, key, out = small
    good("protect", source, out, "--key-file", key, *SEAL, "--allow-residue")
    victim = out / "train" / "cup" / "1.png"
    flip_bit(victim, bit=7)
    good("restore", out, tmp_path / "back", "--key-file", key)
    after = read_image(tmp_path / "back" / "train" / "cup" / "1.png")
    np.testing.assert_array_equal(after, read_image(source / "train" / "cup" / "1.png"))
    report = json.loads(refused_json(10, "verify", out, "--key-file", key))
    assert report["changed"] == ["train/cup/1.png"]
    flip_bit(victim, bit=0)
    said = refused(5, "restore", out, tmp_path / "again", "--key-file", key)
    assert "1 files were refused" in said
    assert len(list((tmp_path / "again").rglob("*.*"))) == 30  # 29 images and the annotation


def refused_json(code: int, *arguments) -> str:  # type: ignore[no-untyped-def]
    got, out, _ = call(*arguments, "--json")
    assert got == code
    return out


def test_a_release_has_its_model(fitted, tmp_path):  # type: ignore[no-untyped-def]
    """Fitted to the source, sealed, used, known to verify and gc; the same command resumes to the same bytes."""
    place, made = fitted
    assert made["residue_bytes"] == 0
    info, sealed = info_of(place / "out"), part(place / "out", "model.bin")
    assert info["format"] == "ripguard/v2"
    assert info["model"]["bytes"] == len(sealed)
    assert b"rgi1" not in sealed
    assert good("gc", place / "out", "--dry-run")["files"] == []
    found = good("verify", place / "out", "--key-file", place / "k", "--against", place / "source")
    assert found["ok"]
    good("protect", place / "source", tmp_path / "out", "--key-file", place / "k", *SEAL, "--coder-steps", "60")
    assert sealed == part(tmp_path / "out", "model.bin")


def test_a_damaged_model_is_told(fitted, tmp_path):  # type: ignore[no-untyped-def]
    """Missing, one bit changed, empty: what needs it is refused as damaged, all else comes back."""
    place, _ = fitted
    out = shutil.copytree(place / "out", tmp_path / "out")
    data = part(out, "model.bin")
    images = sorted(out.rglob("*.png"))
    needs = {str(path) for path in images if read_header(read_image(path)).needs_model}
    assert 0 < len(needs) < len(images)
    for wrong in (data[:-1], data[:40] + bytes([data[40] ^ 1]) + data[41:], b"", None):
        put(out, "model.bin", wrong)
        found = json.loads(refused_json(5, "restore", out, tmp_path / "back", "--key-file", place / "k"))
        assert {one["path"] for one in found["refused"]} == needs
        assert all("model.bin" in one["message"] for one in found["refused"])
        assert found["restored"] == len(images) - len(needs)
        shutil.rmtree(tmp_path / "back")
        assert json.loads(refused_json(10, "verify", out))["residue"] == ["model.bin"]


def test_loose_images_of_a_fitted_release_need_it(fitted, tmp_path):  # type: ignore[no-untyped-def]
    """The model is in the release: without it they are refused by name, with it they come back."""
    place, _ = fitted
    loose = sorted((place / "out").rglob("*.png"))[:20]
    needs = [path for path in loose if good("inspect", path)["params"]["coder"] == 4]
    assert needs
    key, release = ("--key-file", place / "k"), ("--release", place / "out")
    shutil.copy(needs[0], tmp_path / "x.png")
    assert "model" in refused(12, "restore", tmp_path / "x.png", tmp_path / "back", *key)
    good("restore", tmp_path / "x.png", tmp_path / "back", *key, *release)
    source = place / "source" / needs[0].relative_to(place / "out")
    np.testing.assert_array_equal(read_image(tmp_path / "back" / "x.png"), read_image(source))


def test_options(small):  # type: ignore[no-untyped-def]
    """What makes no sense is a usage error."""
    source, key, out = small
    for more in (("--planes", "9"), ("--coders", "gif"), ("--coders", ""), ("--lossy",)):
        refused(2, "protect", source, out, "--key-file", key, *SEAL, *more)
