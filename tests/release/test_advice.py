"""Advice: seal for JPEG files and for large images, with the reason, in every place before the work."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import call, crop, good
from PIL import Image

import ripguard


def images(root: Path, jpeg: int = 0, png: int = 0, side: int = 32) -> Path:
    """Images of two classes."""
    for i in range(jpeg + png):
        place = root / "ab"[i % 2] / f"{i}.{'jpg' if i < jpeg else 'png'}"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(crop(i)).resize((side + 8, side)).save(place)
    return root


def advice(source: Path, **options: object) -> list[str]:
    return ripguard.check(source, images=False, **options).advice  # type: ignore[arg-type]


def test_jpeg_files(tmp_path):  # type: ignore[no-untyped-def]
    (line,) = advice(images(tmp_path / "s", jpeg=5, png=3))
    assert "--scheme seal" in line
    assert "5 of 8 images are JPEG files" in line
    assert "pixels" not in line
    assert advice(tmp_path / "s", byte_exact=True) == []  # every scheme keeps the files then
    assert advice(tmp_path / "s", lossy=True) == []  # seal is never lossy
    assert advice(images(tmp_path / "half", jpeg=4, png=4)) == []


def test_large_images(tmp_path):  # type: ignore[no-untyped-def]
    (line,) = advice(images(tmp_path / "s", png=4, side=385))
    assert "the median shorter side is 385 pixels" in line
    assert "8×8" in line
    assert "JPEG" not in line
    (line,) = advice(tmp_path / "s", perturb="none", hide="mrit", scheme="discreet")
    assert line.startswith("--hide seal")
    assert advice(tmp_path / "s", size=4) == []
    assert "16×16" in advice(tmp_path / "s", size=16)[0]
    assert advice(images(tmp_path / "smaller", png=4, side=384)) == []
    images(tmp_path / "smaller", png=3, side=500)  # three of four: the median counts
    assert len(advice(tmp_path / "smaller")) == 1


@pytest.mark.parametrize("options", [["--scheme", "seal"], ["--scheme", "balanced"], ["--hide", "seal"]])
def test_none_for_schemes_that_hide_by_seal(options, tmp_path):  # type: ignore[no-untyped-def]
    source = images(tmp_path / "s", jpeg=4, side=400)
    good("keygen", "--out", tmp_path / "k")
    dry = ("protect", source, tmp_path / "out", "--key-file", tmp_path / "k", "--dry-run")
    assert good(*dry, *options)["advice"] == []
    assert "advice" not in call(*dry, *options)[1]


def test_where_it_stands(tmp_path):  # type: ignore[no-untyped-def]
    """In check, in the dry run, before the work, and in --json; the scheme stays the one that was chosen."""
    source, out = images(tmp_path / "s", jpeg=4, side=400), tmp_path / "out"
    good("keygen", "--out", tmp_path / "k")
    (line,) = good("check", source)["advice"]
    command = ("protect", source, out, "--key-file", tmp_path / "k", "--workers", "1")
    assert good(*command, "--dry-run")["advice"] == [line]
    for told in (call("check", source)[1], call(*command, "--dry-run")[1], call(*command)[2]):
        assert told.count(f"  advice: {line}\n") == 1
    assert good("inspect", out, "--key-file", tmp_path / "k")["scheme"] == "mrit"


def test_files_without_a_header(tmp_path):  # type: ignore[no-untyped-def]
    """Damaged files are refused by the check; they are no reason for an error here."""
    source = images(tmp_path / "s", png=4, side=400)
    (source / "a/0.png").write_bytes(b"no image")
    (line,) = ripguard.check(source).advice
    assert "385" not in line
    assert "400 pixels" in line
    for path in source.rglob("*.png"):
        path.write_bytes(b"no image")
    assert ripguard.check(source).advice == []
