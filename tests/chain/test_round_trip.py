"""What goes in comes out: whole, in part, renamed, re-encoded, twice."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers import good, tree_digest
from metadata import rows_of
from PIL import Image

from ripguard.hide import lsb
from ripguard.hide.mrit.transform import LENGTH
from ripguard.images.decoding import read_image
from ripguard.release.identify import read_header
from ripguard.release.names import published_names


def same_pixels(a: Path, b: Path) -> bool:
    return np.array_equal(read_image(a), read_image(b))


def source_of(world, restored: Path, path: Path) -> Path:  # type: ignore[no-untyped-def]
    """The source image that a restored file at this place belongs to."""
    return world.source / path.relative_to(restored)


def test_release_comes_back_bit_for_bit(world, tmp_path):  # type: ignore[no-untyped-def]
    """Every image, the annotation too; the source is untouched; nothing hidden is left behind."""
    before = tree_digest(world.source, times=True)
    out = tmp_path / "restored"
    result = good("restore", world.release, out, "--key-file", world.key, "--workers", "2")
    images = [p for p in out.rglob("*.*") if p.name != "labels.csv"]
    assert sorted(tree_digest(out)) == sorted(tree_digest(world.source))  # the paths of the source, no other
    assert result["png_named_otherwise"] == 1  # a.jpg
    assert result["restored"] == len(images) == 30
    assert result["refused"] == []
    assert all(same_pixels(p, source_of(world, out, p)) for p in images)
    assert (out / "labels.csv").read_bytes() == (world.source / "labels.csv").read_bytes()
    assert tree_digest(world.source, times=True) == before
    assert [p.name for p in tmp_path.iterdir()] == ["restored"]


def test_verify_against_the_source(world):  # type: ignore[no-untyped-def]
    """verify restores in memory and compares with the source."""
    report = good("verify", world.release, "--key-file", world.key, "--against", world.source)
    assert report["ok"]
    assert (report["restored"], report["equal_to_source"], report["pictures"]) == (30, 30, 30)


def test_release_layout(world):  # type: ignore[no-untyped-def]
    """Images stand where the source had them; all else in one visible file and the card; the residue is small."""
    names = {p.relative_to(world.release).parts[0] for p in world.release.rglob("*")}
    assert names == {"train", "test", "labels.csv", "release.ripguard", "README.md", ".gitattributes"}
    rows = rows_of(world.release)
    for row in rows:
        if row["planes"] and row["residue"]:  # what the planes hold, a header too, and little more
            assert row["residue"][2] <= row["planes"] * int(np.prod(row["shape"])) / 8 + 200
    assert sum(row["planes"] == 0 for row in rows) == 1  # 3×2
    assert not list(world.release.rglob("*.tmp"))


def test_imagefolder_reads_a_release(world, tmp_path):  # type: ignore[no-untyped-def]
    """torchvision's ImageFolder sees the classes and nothing else, also where the source had no splits."""
    from ripguard._torchvision import torchvision

    assert torchvision.datasets.ImageFolder(world.release / "train").classes == ["cat", "cup", "face"]
    good("protect", world.source / "test", tmp_path / "flat", "--key-file", world.key, "--perturb", "none")
    assert torchvision.datasets.ImageFolder(tmp_path / "flat").classes == ["cat", "cup", "face"]
    assert good("verify", tmp_path / "flat", "--key-file", world.key, "--against", world.source / "test")["ok"]


def test_parts_and_loose_renamed_files(world, tmp_path):  # type: ignore[no-untyped-def]
    """A class folder, a glob, and loose files under other names, in any order."""
    part = good("restore", world.release / "train" / "cup", tmp_path / "a", "--key-file", world.key)
    assert part["restored"] == 6
    assert same_pixels(tmp_path / "a/3.png", world.source / "train/cup/3.png")
    only = good("restore", world.release, tmp_path / "b", "--key-file", world.key, "--only", "test/*")
    assert only["restored"] == 6
    loose, names = tmp_path / "loose", list(range(6))
    loose.mkdir()
    random.Random(0).shuffle(names)
    for new, old in enumerate(names):
        shutil.copy(world.release / f"train/face/{old}.png", loose / f"image-{new}.png")
    more = ("--key-file", world.key, "--release", world.release)
    assert good("restore", *sorted(loose.iterdir(), reverse=True), tmp_path / "c", *more)["restored"] == 6
    for new, old in enumerate(names):
        assert same_pixels(tmp_path / f"c/image-{new}.png", world.source / f"train/face/{old}.png")


@pytest.mark.parametrize("kind", ["png", "bmp", "tiff", "webp", "ppm", "npy"])
def test_lossless_copies_come_back(world, tmp_path, kind):  # type: ignore[no-untyped-def]
    """Another PNG level or another lossless format: same samples, same image."""
    loose = tmp_path / "loose"
    loose.mkdir()
    options = {"png": {"compress_level": 0}, "webp": {"lossless": True}}.get(kind, {})
    if kind == "npy":
        np.save(loose / "x.npy", read_image(world.release / "train/cup/0.png"))
    else:
        Image.open(world.release / "train/cup/0.png").save(loose / f"x.{kind}", **options)
    good("restore", loose, tmp_path / "out", "--key-file", world.key, "--release", world.release)
    assert same_pixels(tmp_path / "out/x.png", world.source / "train/cup/0.png")


def test_byte_exact_gives_the_files_back(world, tmp_path):  # type: ignore[no-untyped-def]
    """--byte-exact: every original file, byte for byte, under its original name."""
    world.protect(tmp_path / "release", "--byte-exact")
    good("restore", tmp_path / "release", tmp_path / "out", "--key-file", world.key)
    assert tree_digest(tmp_path / "out") == tree_digest(world.source)


def test_lossy_is_marked(world, tmp_path):  # type: ignore[no-untyped-def]
    """--lossy: no residue for images that carry their record, marked as not exact, close to the source."""
    result = world.protect(tmp_path / "release", "--lossy")
    assert result["exact"] is False
    restored = good("restore", tmp_path / "release", tmp_path / "out", "--key-file", world.key)
    assert restored["exact"] is False
    a, b = (read_image(p).astype(int) for p in (tmp_path / "out/train/cup/0.png", world.source / "train/cup/0.png"))
    assert 0 < np.abs(a - b).max() <= 15


def test_the_same_input_gives_the_same_release(world, tmp_path):  # type: ignore[no-untyped-def]
    """Same source, settings and key, other number of workers: the same bytes, signature included."""
    world.protect(tmp_path / "again", "--workers", "2")
    assert tree_digest(tmp_path / "again") == tree_digest(world.release)


def test_another_key_gives_another_payload(world, tmp_path):  # type: ignore[no-untyped-def]
    """A new key changes payload bits and nothing else: not a bit outside of them, in any image."""
    good("keygen", "--out", tmp_path / "k2")
    good("protect", world.source, tmp_path / "r", "--key-file", tmp_path / "k2", "--perturb", "none", "--workers", "1")
    changed = 0
    for path in sorted(world.release.rglob("*.png")):
        a, b = read_image(path), read_image(tmp_path / "r" / path.relative_to(world.release))
        if a.size < 8 * LENGTH:  # carries nothing
            np.testing.assert_array_equal(a, b)
            continue
        lengths = [read_header(one).length + LENGTH for one in (a, b)]
        assert lengths[0] == lengths[1]
        np.testing.assert_array_equal(
            lsb.clear(a[None], np.array(lengths[:1])), lsb.clear(b[None], np.array(lengths[1:]))
        )
        changed += not np.array_equal(a, b)
    assert changed >= 24


def test_marks_hang_on_the_clean_file_alone(world, tmp_path):  # type: ignore[no-untyped-def]
    """Another key, fewer of the images, more workers: the same marks, so averaging releases takes nothing away."""
    for name, more in (("a", ("--workers", "1")), ("b", ("--workers", "2")), ("other", ("--seed", "1"))):
        good("keygen", "--out", tmp_path / f"k{name}")
        good("protect", world.source, tmp_path / name, "--key-file", tmp_path / f"k{name}", *more)
    alike = unlike = 0
    for path in sorted((tmp_path / "a").rglob("*.png")):
        a, b, other = (read_image(tmp_path / name / path.relative_to(tmp_path / "a")) for name in ("a", "b", "other"))
        if a.size < 1000:  # little room for marks
            continue
        high = [one >> 3 for one in (a, b, other)]  # above the payload
        alike += np.array_equal(high[0], high[1])
        unlike += not np.array_equal(high[0], high[2])
    assert alike == unlike >= 24


def test_labels_from_a_table(world, tmp_path):  # type: ignore[no-untyped-def]
    """A CSV with path,label,split names the classes instead of folders."""
    flat = tmp_path / "flat"
    flat.mkdir()
    for i in range(4):
        shutil.copy(world.source / f"train/cup/{i}.png", flat / f"{i}.png")
    table = tmp_path / "labels.csv"
    table.write_text("path,label,split\n0.png,x,train\n1.png,y,train\n2.png,x,test\n3.png,y,test\n")
    more = ("--key-file", world.key, "--perturb", "none", "--labels", table)
    good("protect", flat, tmp_path / "r", *more)
    assert good("inspect", tmp_path / "r")["units"] == ["test/x", "test/y", "train/x", "train/y"]
    assert (tmp_path / "r/0.png").exists()


def test_published_names_never_meet():
    """a.jpg beside a.png, and names that differ by case alone."""
    names = ["a.jpg", "a.png", "A.webp", "b.bmp", "a.jpg.png", "c/a.png"]
    found = published_names(names)
    assert len({n.lower() for n in found}) == len(names)
    assert found[3] == "b.png"
    assert found[5] == "c/a.png"
