"""What the published images will take, estimated before the work and reported after it."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import call, crop, good
from PIL import Image, ImageDraw

import ripguard
from ripguard.api.methods import choose_scheme
from ripguard.data.registry import open_source
from ripguard.release.sizes import SAMPLED, estimate
from ripguard.schemes.base import Scheme

SCHEME = choose_scheme("mrit")


def photographs(root: Path, count: int = 3, side: int = 400, suffix: str = "jpg") -> Path:
    for i in range(count):
        place = root / "ab"[i % 2] / f"{i}.{suffix}"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(crop(i, 200, 200)).resize((side, side)).save(place, quality=85)
    return root


def published(root: Path) -> int:
    return sum(path.stat().st_size for path in root.rglob("*") if path.suffix in (".png", ".webp"))


@pytest.mark.parametrize("form", ["png", "webp"])
def test_the_estimate_is_near_what_is_published(form, tmp_path):  # type: ignore[no-untyped-def]
    source = photographs(tmp_path / "s")
    good("keygen", "--out", tmp_path / "k")
    options = ("--key-file", tmp_path / "k", "--workers", "1", "--hide", "seal", "--image-format", form)
    made = good("protect", source, tmp_path / "out", *options)
    before = ripguard.check(source, images=False).estimated
    own = sum(path.stat().st_size for path in source.rglob("*.jpg"))
    assert before["source"] == own == made["source_bytes"]
    assert made["published_bytes"] == published(tmp_path / "out")
    assert 0.7 < before[form] / made["published_bytes"] < 1.4
    assert before["webp"] < before["png"]
    report = good("report", tmp_path / "out", "--source", source, "--key-file", tmp_path / "k")
    assert (report["source_bytes"], report["published_bytes"]) == (own, made["published_bytes"])


def test_it_is_said_before_the_work(tmp_path):  # type: ignore[no-untyped-def]
    """JPEG files that grow: the size of an image, of its source, and what is smaller; nothing for few bytes."""
    source = photographs(tmp_path / "s", 4, 700)
    good("keygen", "--out", tmp_path / "k")
    dry = ("protect", source, tmp_path / "out", "--key-file", tmp_path / "k", "--dry-run")
    _, out, _ = call(*dry)
    (line,) = [line for line in out.splitlines() if "size: " in line]
    assert "as PNG, an image takes about" in line
    assert "--image-format webp: about" in line
    small = photographs(tmp_path / "small", 4, 40)
    assert "size: " not in call("protect", small, *dry[2:])[1]


def test_of_many_images_some_are_read_and_damaged_ones_are_left_out(tmp_path):  # type: ignore[no-untyped-def]
    source = photographs(tmp_path / "s", 3 * SAMPLED, 20, "png")
    (source / "a/0.png").write_bytes(b"damaged")
    found = estimate(open_source(str(source)).items, SCHEME)
    assert (found.images, found.samples) == (SAMPLED - 1, (SAMPLED - 1) * 20 * 20 * 3)
    assert found.scaled(2) == {name: round(2 * size) for name, size in found.published.items()}
    assert estimate([], SCHEME).images == 0


def drawings(root: Path, side: int = 600) -> Path:
    """Lines and filled circles on white, which PNG makes small."""
    for i in range(3):
        image = Image.new("RGB", (side, side), "white")
        pen = ImageDraw.Draw(image)
        for j in range(8):
            pen.ellipse((50 * j, 30 * j + 20 * i, 50 * j + 90, 30 * j + 120), fill=(30 * j, 200 - 20 * j, 90), width=2)
        place = root / "ab"[i % 2] / f"{i}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        image.save(place)
    return root


@pytest.mark.parametrize("make", [photographs, drawings])
def test_pixels_that_change_places_compress_worse(make, tmp_path):  # type: ignore[no-untyped-def]
    source = make(tmp_path / "s")
    good("keygen", "--out", tmp_path / "k")
    options = ("--scheme", "privdl", "--workers", "1")
    made = good("protect", source, tmp_path / "out", "--key-file", tmp_path / "k", *options)
    found = good("check", source, *options)
    assert 0.8 < found["published_bytes"] / made["published_bytes"] < 1.25
    assert found["published_bytes"] > 1.5 * found["bytes"]


def test_of_flat_graphics_nothing_is_said(tmp_path):  # type: ignore[no-untyped-def]
    """Marks and hidden bits can make a drawing many times larger, by what only the work itself tells."""
    source = drawings(tmp_path / "s")
    found = ripguard.check(source, workers=1)
    assert (found.published_bytes, set(found.estimated)) == (0, {"source"})
    assert set(ripguard.check(source, images=False).estimated) == {"source"}
    assert "will take" not in call("check", source)[1]
    photographs(source, 9)  # most samples are of photographs
    assert set(ripguard.check(source, workers=1).estimated) == {"source", "png", "webp"}


def test_of_a_scheme_that_does_not_tell_nothing_is_said(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    monkeypatch.setattr(type(SCHEME), "near_clean", Scheme.near_clean)
    found = estimate(open_source(str(photographs(tmp_path / "s"))).items, SCHEME)
    assert (found.images, found.published) == (3, {})
