"""What the published images will take, estimated before the work and reported after it."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import call, crop, good
from PIL import Image

import ripguard
from ripguard.data.registry import open_source
from ripguard.release.sizes import SAMPLED, estimate


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
    found = estimate(open_source(str(source)).items)
    assert (found.images, found.samples) == (SAMPLED - 1, (SAMPLED - 1) * 20 * 20 * 3)
    assert found.scaled(2) == {name: round(2 * size) for name, size in found.published.items()}
    assert estimate([]).images == 0
