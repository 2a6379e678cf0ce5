"""Releases of `rdh` and `rit`: mixed sources, loose images, kept files, tampering, from the command line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers import call, good, make_source, refused

from ripguard.images.decoding import read_image
from ripguard.images.encoding import png_bytes

SCHEMES = {
    "rdh": ("--scheme", "rdh", "--perturb", "noise", "--block-size", "4", "--workers", "1"),
    "rit": ("--scheme", "rit", "--perturb", "noise", "--block-size", "4", "--workers", "1"),
}


@pytest.mark.parametrize("name", SCHEMES)
def test_mixed_images(name, tmp_path):  # type: ignore[no-untyped-def]
    """Gray, tiny, odd-sized and JPEG images come back; those that carry everything without their release, too."""
    source = make_source(tmp_path / "source")
    good("keygen", "--out", tmp_path / "k")
    with_key = ("--key-file", tmp_path / "k")
    about = good("protect", source, tmp_path / "out", *with_key, *SCHEMES[name], "--dry-run")
    assert not (tmp_path / "out").exists()
    assert about
    made = good("protect", source, tmp_path / "out", *with_key, *SCHEMES[name])
    assert 0 < made["without_residue"] < made["pictures"] == 30  # tiny ones carry nothing
    found = good("verify", tmp_path / "out", *with_key, "--source", source)
    assert found["ok"]
    assert found["equal_to_source"] == 30
    good("restore", tmp_path / "out", tmp_path / "back", *with_key)
    rows = sorted((tmp_path / "out" / "train" / "cat").glob("*.png"))
    loose = tmp_path / "loose"
    loose.mkdir()
    for path in rows:
        (loose / path.name).write_bytes(path.read_bytes())
    call("restore", loose, tmp_path / "alone", *with_key)  # the tiny one is refused: it carries no header
    restored = sorted((tmp_path / "alone").rglob("*.png"))
    assert restored
    known = {read_image(path).tobytes() for path in (tmp_path / "back" / "train" / "cat").iterdir()}
    assert {read_image(path).tobytes() for path in restored} <= known
    # a changed sample, a shortened file, another key
    victim = max(rows, key=lambda path: path.stat().st_size)
    image, whole = read_image(victim).copy(), victim.read_bytes()
    image[image.shape[0] // 2, 0, 0] ^= 1
    for data in (png_bytes(image), whole[: len(whole) // 2]):
        victim.write_bytes(data)
        refused(5, "restore", victim, tmp_path / "no", *with_key)
        assert not (tmp_path / "no").exists()
    good("keygen", "--out", tmp_path / "other")
    victim.write_bytes(whole)
    refused(4, "restore", victim, tmp_path / "no", "--key-file", tmp_path / "other")


@pytest.mark.parametrize("name", SCHEMES)
def test_files_and_loss(name, tmp_path):  # type: ignore[no-untyped-def]
    """Files are kept beside; the schemes are always exact."""
    source = make_source(tmp_path / "source")
    good("keygen", "--out", tmp_path / "k")
    with_key = ("--key-file", tmp_path / "k")
    assert f"{name} is always exact" in refused(
        2, "protect", source, tmp_path / "o", *with_key, *SCHEMES[name], "--lossy"
    )
    good("protect", source, tmp_path / "out", *with_key, *SCHEMES[name], "--preserve-files", "--limit", "12")
    good("restore", tmp_path / "out", tmp_path / "back", *with_key)
    same = [path for path in (tmp_path / "back").rglob("*.*") if path.suffix in (".jpg", ".png")]
    assert len(same) == 12
    for path in same:
        assert path.read_bytes() == (source / path.relative_to(tmp_path / "back")).read_bytes()


def test_perturbations_that_replace_content():
    """`rdh` and `rit` publish what `carve` removes."""
    for name in SCHEMES:
        told = refused(2, "protect", "photos", "nowhere", "--key-file", "k", "--scheme", "carve", "--hide", name)
        assert f"--hide {name} publishes pieces of the clean images that --perturb carve removes" in told


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.parametrize(("source", "count"), [("photos", 2000), ("cifar10", 2000), ("tinyimagenet", 500)])
def test_real_datasets(name, source, count, tmp_path):  # type: ignore[no-untyped-def]
    """From one command to the proof."""
    root = os.environ.get("RIPGUARD_DATA")
    if source != "photos" and not (root and (Path(root) / "cifar10").is_dir()):
        pytest.skip("RIPGUARD_DATA is not set, or holds no cifar10: the real data are not at hand")
    good("keygen", "--out", tmp_path / "k")
    with_key = ("--key-file", tmp_path / "k")
    good("protect", source, tmp_path / "r", *with_key, *SCHEMES[name], "--limit", str(count))
    report = good("verify", tmp_path / "r", *with_key, "--source", source)
    assert (report["restored"], report["equal_to_source"]) == (count, count)
