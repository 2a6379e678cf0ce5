"""Where clean images come from."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest
from helpers import crop, make_source, refused, tree_digest
from PIL import Image

from ripguard.data import photos
from ripguard.data.cifar10 import cifar10
from ripguard.data.registry import open_source
from ripguard.data.source import cache_root
from ripguard.data.tinyimagenet import DEFAULT, SECOND, tinyimagenet
from ripguard.errors import InputRefused, StorageError, UsageError
from ripguard.images.decoding import read_image


def count(source, split: str) -> int:  # type: ignore[no-untyped-def]
    return sum(item.split == split for item in source.items)


def test_photos():
    """Ten classes of 500 + 100 crops of 32×32."""
    source = open_source("photos")
    assert len(source.labels) == 10
    assert (count(source, "train"), count(source, "test")) == (5000, 1000)
    assert read_image(source.items[0].path).shape == (32, 32, 3)


def test_photos_regions_are_disjoint_and_repeatable(monkeypatch):  # type: ignore[no-untyped-def]
    """No pixel of a photograph is in a training crop and in a test crop; the same crops every time."""
    import numpy as np

    photograph = photos.photograph("chelsea")
    marked = np.arange(photograph.shape[0] * photograph.shape[1], dtype=np.int64).reshape(photograph.shape[:2])
    colored = np.repeat(marked[:, :, None], 3, axis=2)
    seen = {split: set() for split in ("train", "test")}
    for split, found in seen.items():
        for one in photos._crops(colored, split, 60, 3):
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
    """Training folders and annotated validation images become train/ and test/ class folders."""
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
    """All of its images are there."""
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
    """torchvision's dataset, exported once into the cache."""
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
    """Where RIPGUARD_DATA holds the real sets: 60,000 and 5,500 images, ten classes each."""
    root = os.environ.get("RIPGUARD_DATA")
    if not root or not (Path(root) / "cifar10").is_dir():
        pytest.skip("RIPGUARD_DATA is not set, or holds no cifar10: the real data are not at hand")
    source = open_source("cifar10")
    assert (count(source, "train"), count(source, "test"), len(source.labels)) == (50_000, 10_000, 10)
    source = open_source("tinyimagenet")
    assert (count(source, "train"), count(source, "test"), len(source.labels)) == (5_000, 500, 10)


@pytest.mark.parametrize(
    ("spec", "labels", "said"),
    [
        ("photos:x", None, "takes no argument"),
        ("cifar10:x", None, "takes no argument"),
        ("photos", "l.csv", "is for folders"),
    ],
)
def test_what_a_dataset_does_not_take(spec, labels, said):  # type: ignore[no-untyped-def]
    """An argument of a source that has none; labels for one that has its own."""
    with pytest.raises(UsageError, match=said):
        open_source(spec, labels)


def test_a_cached_folder_that_is_not_whole_is_made_again(tmp_path, monkeypatch, capsys):  # type: ignore[no-untyped-def]
    """After a power cut: an image without its end, an empty one, a missing one."""
    monkeypatch.setenv("RIPGUARD_CACHE", str(tmp_path))
    monkeypatch.setattr(photos, "TRAIN", 3)
    monkeypatch.setattr(photos, "TEST", 1)
    root = Path(open_source("photos").roots[0])
    whole = tree_digest(root)
    assert len(whole) == 40
    damages = (lambda p: p.write_bytes(p.read_bytes()[:-5]), lambda p: p.write_bytes(b""), Path.unlink)
    for damage in damages:
        damage(root / "train/cat/0001.png")
        assert len(open_source("photos").items) == 40
        assert "is incomplete and is made again" in capsys.readouterr().err
        assert tree_digest(root) == whole
    assert [p.name for p in tmp_path.iterdir()] == [root.name]
    open_source("photos")
    assert capsys.readouterr().err == ""


def nobody(monkeypatch, home: str | None = None) -> None:  # type: ignore[no-untyped-def]
    """A user whom the system does not know, as in a container."""
    import pwd

    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.delenv("RIPGUARD_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    if home is not None:
        monkeypatch.setenv("HOME", home)


def nowhere() -> str:
    raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")


def test_the_cache_of_nobody(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """No home, or none that can be written: XDG_CACHE_HOME, else a private folder, which nobody else may have made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    nobody(monkeypatch)
    place = cache_root()
    assert place == tmp_path / f"ripguard-{os.getuid()}" == cache_root()
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    place.chmod(0o770)
    with pytest.raises(StorageError, match="not a private folder") as caught:
        cache_root()
    assert "RIPGUARD_CACHE" in caught.value.hint
    place.rmdir()
    place.symlink_to(tmp_path)
    with pytest.raises(StorageError, match="not a private folder"):
        cache_root()
    place.unlink()
    nobody(monkeypatch, "/proc")  # nobody can make a folder there
    monkeypatch.setattr(os, "access", lambda path, mode: not str(path).startswith("/proc"))
    assert cache_root() == place
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_root() == tmp_path / "xdg" / "ripguard"
    nobody(monkeypatch, str(tmp_path / "home"))
    assert cache_root() == tmp_path / "home/.cache/ripguard"
    nobody(monkeypatch, "/proc")
    for temporary in (lambda: "/proc", nowhere):
        monkeypatch.setattr(tempfile, "gettempdir", temporary)
        with pytest.raises(StorageError, match="no place for the cache") as caught:
            cache_root()
        assert "RIPGUARD_CACHE" in caught.value.hint
    monkeypatch.setenv("RIPGUARD_CACHE", "~nobody-of-this-name/x")
    with pytest.raises(UsageError, match="no home folder"):
        cache_root()


@pytest.mark.parametrize("place", ["file", "file/deeper", "/proc/none/deeper"])
def test_a_cache_that_cannot_be_made(place, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """One sentence that names the variable, wherever on the way to the folder it fails."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("RIPGUARD_CACHE", str(tmp_path / place))
    monkeypatch.delenv("RIPGUARD_DATA", raising=False)
    for name in ("photos", "tinyimagenet"):
        said = refused(9, "check", name)
        assert f"cannot write to the cache {tmp_path / place}" in said
        assert "set RIPGUARD_CACHE" in said
