"""Where clean pictures come from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers import crop, make_source
from PIL import Image

from ripguard.data import photos
from ripguard.data.cifar10 import cifar10
from ripguard.data.folder import split_and_label
from ripguard.data.registry import open_source
from ripguard.data.tinyimagenet import DEFAULT, SECOND, tinyimagenet
from ripguard.errors import InputRefused
from ripguard.images import read_picture


def count(source, split: str) -> int:  # type: ignore[no-untyped-def]
    return sum(item.split == split for item in source.items)


def test_photos():
    """Ten classes of 500 + 100 crops of 32×32."""
    source = open_source("photos")
    assert len(source.labels) == 10
    assert (count(source, "train"), count(source, "test")) == (5000, 1000)
    assert read_picture(source.items[0].path).shape == (32, 32, 3)


def test_photos_regions_are_disjoint_and_repeatable(monkeypatch):  # type: ignore[no-untyped-def]
    """No pixel of a photograph is in a training crop and in a test crop; the same crops every time."""
    import numpy as np

    photograph = photos._photograph("chelsea", 1)
    marked = np.arange(photograph.shape[0] * photograph.shape[1], dtype=np.int64).reshape(photograph.shape[:2])
    coloured = np.repeat(marked[:, :, None], 3, axis=2)
    seen = {split: set() for split in ("train", "test")}
    for split, found in seen.items():
        for one in photos._crops(coloured, split, 60, 3):
            found.update(one[:, :, 0].ravel().tolist())
    assert seen["train"]
    assert not seen["train"] & seen["test"]
    first = next(photos._crops(photograph, "train", 1, 3))
    np.testing.assert_array_equal(first, next(photos._crops(photograph, "train", 1, 3)))


def test_folders(tmp_path):  # type: ignore[no-untyped-def]
    """Splits and classes from the path; annotations are kept apart; --limit takes evenly from all classes."""
    source = open_source(str(make_source(tmp_path / "s")))
    assert source.labels == ["cat", "cup", "face"]
    assert (count(source, "train"), count(source, "test")) == (24, 6)
    assert [name for name, _ in source.annotations] == ["labels.csv"]
    few = source.limited(12)
    assert {(item.split, item.label) for item in few.items} == {
        (s, c) for s in ("train", "test") for c in source.labels
    }
    assert split_and_label("val/cat/x.png", True) == ("test", "cat")
    assert split_and_label("cat/x.png", False) == ("train", "cat")
    assert split_and_label("x.png", False) == ("train", "")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a system with named pipes")
def test_labels_that_are_no_file(tmp_path):  # type: ignore[no-untyped-def]
    """A pipe would be waited for, for ever; a folder cannot be read."""
    os.mkfifo(tmp_path / "pipe")
    for labels in (tmp_path / "pipe", tmp_path, tmp_path / "none"):
        with pytest.raises(InputRefused, match="is not a regular file"):
            open_source(str(make_source(tmp_path / f"s-{labels.name}")), str(labels))


def fake_tiny(root: Path) -> Path:
    """A small tree in TinyImageNet's official layout."""
    lines = []
    for number, wnid in enumerate(DEFAULT[:3]):
        place = root / "tiny-imagenet-200" / "train" / wnid / "images"
        place.mkdir(parents=True)
        (root / "tiny-imagenet-200/val/images").mkdir(parents=True, exist_ok=True)
        for i in range(2):
            Image.fromarray(crop(i, 64, 64)).save(place / f"{wnid}_{i}.JPEG")
        Image.fromarray(crop(9, 64, 64)).save(root / f"tiny-imagenet-200/val/images/val_{number}.JPEG")
        lines.append(f"val_{number}.JPEG\t{wnid}\t0\t0\t62\t62")
    (root / "tiny-imagenet-200/val/val_annotations.txt").write_text("\n".join(lines))
    return root


def test_official_tinyimagenet_layout(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Training folders and annotated validation pictures become train/ and test/ class folders."""
    monkeypatch.setenv("RIPGUARD_DATA", str(fake_tiny(tmp_path)))
    source = tinyimagenet("all")
    assert (count(source, "train"), count(source, "test")) == (6, 3)
    assert all(item.name.split("/")[:2] == [item.split, item.label] for item in source.items)
    assert tinyimagenet(DEFAULT[1]).labels == [DEFAULT[1]]
    with pytest.raises(InputRefused, match="has no class"):
        tinyimagenet()


def test_two_draws_of_classes():
    """Ten classes each, none in both; the second has its name."""
    assert len(set(DEFAULT)) == len(set(SECOND)) == 10
    assert not set(DEFAULT) & set(SECOND)


@pytest.mark.skipif(not os.environ.get("RIPGUARD_DATA"), reason="RIPGUARD_DATA does not name the real data")
def test_the_second_draw():
    """All of its pictures are there."""
    source = open_source("tinyimagenet:second")
    assert source.labels == sorted(SECOND)
    assert (count(source, "train"), count(source, "test")) == (5000, 500)


@pytest.mark.parametrize("name", ["cifar10", "tinyimagenet"])
def test_missing_data_names_both_ways(tmp_path, monkeypatch, name):  # type: ignore[no-untyped-def]
    """Neither at hand nor downloadable: the error names the variable and the download."""
    from ripguard._torchvision import torchvision

    def offline(*args, **kwargs):  # type: ignore[no-untyped-def]
        raise OSError("no network")

    monkeypatch.setenv("RIPGUARD_DATA", str(tmp_path))
    monkeypatch.setenv("RIPGUARD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(torchvision.datasets, "CIFAR10", offline)
    monkeypatch.setattr(torchvision.datasets.utils, "download_and_extract_archive", offline)
    with pytest.raises(InputRefused, match="downloaded") as caught:
        open_source(name)
    assert "RIPGUARD_DATA" in str(caught.value) + caught.value.hint


def test_cifar10_download_is_kept_as_png(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """torchvision's data set, exported once into the cache."""
    from ripguard._torchvision import torchvision

    class Small:
        classes = ("airplane", "automobile")

        def __init__(self, root, train, download) -> None:  # type: ignore[no-untyped-def]
            self.rows = [(Image.fromarray(crop(i)), i % 2) for i in range(4 if train else 2)]

        def __iter__(self):  # type: ignore[no-untyped-def]
            return iter(self.rows)

        def __len__(self) -> int:
            return len(self.rows)

    monkeypatch.delenv("RIPGUARD_DATA", raising=False)
    monkeypatch.setenv("RIPGUARD_CACHE", str(tmp_path))
    monkeypatch.setattr(torchvision.datasets, "CIFAR10", Small)
    for _ in range(2):
        source = cifar10()
        assert (count(source, "train"), count(source, "test"), source.ignored) == (4, 2, [])


def test_real_data():
    """Where RIPGUARD_DATA holds the real sets: 60,000 and 5,500 pictures, ten classes each."""
    root = os.environ.get("RIPGUARD_DATA")
    if not root or not (Path(root) / "cifar10").is_dir():
        pytest.skip("RIPGUARD_DATA is not set, or holds no cifar10: the real data are not at hand")
    source = open_source("cifar10")
    assert (count(source, "train"), count(source, "test"), len(source.labels)) == (50_000, 10_000, 10)
    source = open_source("tinyimagenet")
    assert (count(source, "train"), count(source, "test"), len(source.labels)) == (5_000, 500, 10)
