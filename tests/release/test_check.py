"""What a check reports before any work."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from helpers import call, crop, good, refused
from PIL import Image

import ripguard
from ripguard.errors import InputRefused


def key_at(path: Path) -> Path:
    """A new key file."""
    good("keygen", "--out", path)
    return path


def mixed(root: Path) -> Path:
    """Images of many kinds in splits and classes, texts, litter, an archive, and nine files that are refused."""
    number = 0
    for split in ("train", "val"):
        for label in ("cat", "dog"):
            for i in range(3):
                number += 1
                place = root / split / label / f"{i}.jpg"
                place.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(crop(number)).save(place, quality=95)
    Image.fromarray(crop(50)[:, :, 0]).save(root / "train/cat/gray.png")
    Image.fromarray(crop(51)).save(root / "logo.png")
    for i in range(3):
        exif = Image.Exif()
        exif[274] = 6
        Image.fromarray(crop(60 + i)).save(root / f"train/cat/turned{i}.jpg", exif=exif)
        Image.fromarray(crop(70 + i)).convert("CMYK").save(root / f"train/dog/print{i}.jpg")
    (root / "train/dog/moving.gif").write_bytes(b"GIF89a")
    (root / "train/dog/cut.png").write_bytes((root / "logo.png").read_bytes()[:300])
    (root / "val/cat/gone.png").symlink_to("nowhere.png")
    (root / "LICENSE").write_text("CC0")
    (root / "train/cat/0.txt").write_text("a cat")
    (root / "list.csv").write_text("path\ntrain/cat/0.jpg\ntrain/cat/9.jpg\n")
    (root / "Thumbs.db").write_bytes(b"x")
    (root / "all.zip").write_bytes(b"PK\x03\x04\0\0")
    return root


BAD = {
    "train/cat/turned0.jpg", "train/cat/turned1.jpg", "train/cat/turned2.jpg", "train/dog/print0.jpg",
    "train/dog/print1.jpg", "train/dog/print2.jpg", "train/dog/moving.gif", "train/dog/cut.png", "val/cat/gone.png",
}  # fmt: skip


def test_mixed_trouble_is_one_list(tmp_path):  # type: ignore[no-untyped-def]
    """`check` and `protect` name every file that is refused in one run, with the reason and what to do."""
    root = mixed(tmp_path / "s")
    found = ripguard.check(root)
    assert {one["path"] for one in found.refused} == BAD
    assert all(one["hint"] for one in found.refused if not one["path"].endswith("cut.png"))
    assert max(len(names) for _, _, names in found.kinds) == 3
    code, out, _ = call("check", root, "--json")
    assert code == 3
    assert {one["path"] for one in json.loads(out)["refused"]} == BAD
    code, out, _ = call("check", root)
    assert "refused: 9 files" in out
    error = refused(3, "protect", root, tmp_path / "out", "--key-file", key_at(tmp_path / "k"))
    assert "9 files are refused" in error
    assert all(name in error for name in BAD)
    assert not (tmp_path / "out").exists()


def test_facts(tmp_path):  # type: ignore[no-untyped-def]
    """Splits, classes, images without a label, kinds of files, texts in clear, files left out, and the weight."""
    root = mixed(tmp_path / "s")
    for name in BAD:
        (root / name).unlink()
    found = ripguard.check(root)
    assert found.refused == []
    assert found.splits == {"": {"": 1}, "train": {"cat": 4, "dog": 3}, "val": {"cat": 3, "dog": 3}}
    assert (found.images, found.classes, found.unlabelled, found.test_split) == (14, ["cat", "dog"], 1, "val")
    assert found.formats == {".jpg": 12, ".png": 2}
    assert found.channels == {"color": 13, "gray": 1}
    assert found.texts == ["LICENSE", "list.csv", "train/cat/0.txt"]
    assert found.rewritten == 1
    assert found.unresolved == {"list.csv": {"train/cat/9.jpg": "there is no image of this name"}}
    assert sorted(name for names in found.left_out.values() for name in names) == ["Thumbs.db", "all.zip"]
    assert found.bytes == sum(path.stat().st_size for path in root.rglob("*") if path.suffix in (".jpg", ".png"))
    released = good("protect", root, tmp_path / "out", "--key-file", key_at(tmp_path / "k"))
    published = sum(path.stat().st_size for path in (tmp_path / "out").rglob("*.png"))
    assert released["pictures"] == 14
    assert 0.7 < found.published_bytes / published < 1.4
    assert good("check", root) == json.loads(json.dumps(found.as_dict()))


def test_dry_run(tmp_path):  # type: ignore[no-untyped-def]
    """Prints splits, classes and texts, and writes nothing; the same lines come before the work."""
    root, key = mixed(tmp_path / "s"), key_at(tmp_path / "k")
    for name in BAD:
        (root / name).unlink()
    code, out, _ = call("protect", root, tmp_path / "out", "--key-file", key, "--dry-run")
    assert code == 0
    lines = [line.strip() for line in out.splitlines()[1:]]
    assert lines[:3] == [
        "in no split: 1 image without a label", "train: 7 images in 2 classes: cat 4, dog 3",
        "val: 6 images in 2 classes: cat 3, dog 3",
    ]  # fmt: skip
    assert any("published without encryption: 3 texts" in line for line in lines)
    assert any("left out: 1 file: all.zip" in line for line in lines)
    assert not (tmp_path / "out").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["k", "k.sign", "s"] or not list(tmp_path.glob(".out*"))
    code, _, err = call("protect", root, tmp_path / "out", "--key-file", key)
    assert code == 0
    assert all(f"  {line}\n" in err for line in lines)


def test_schemes_that_do_not_perturb_by_class(tmp_path):  # type: ignore[no-untyped-def]
    """The owner is told before the work."""
    root = mixed(tmp_path / "s")
    _, out, _ = call(
        "protect", root, tmp_path / "o", "--key-file", key_at(tmp_path / "k"), "--perturb", "none", "--dry-run"
    )
    assert "does not perturb by class" in out


def test_images_without_a_label(tmp_path):  # type: ignore[no-untyped-def]
    """They are published under their own names, restore exactly, and belong to no class."""
    root, key = tmp_path / "s", key_at(tmp_path / "k")
    for i in range(8):
        (root / "train" / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(crop(i)).save(root / "train" / "ab"[i % 2] / f"{i}.png")
    (root / "test").mkdir()
    for i in range(3):
        Image.fromarray(crop(90 + i)).save(root / f"test/{i}.png")
    good("protect", root, tmp_path / "out", "--key-file", key)
    train = ripguard.ProtectedDataset(tmp_path / "out", key)
    assert train.class_to_idx == {"a": 0, "b": 1}
    assert sorted(set(train.targets)) == [0, 1]
    test = ripguard.ProtectedDataset(tmp_path / "out", key, "test")
    assert test.targets == [-1] * 3
    assert [np.array_equal(image, crop(90 + i)) for i, (image, _) in enumerate(test)] == [True] * 3
    good("verify", tmp_path / "out", "--key-file", key, "--source", root)
    good("report", tmp_path / "out", "--source", root)


def test_two_readings(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Exit 2 that names the options; a question on a terminal, which takes the answer."""
    for name in ("pets/cat", "pets/dog", "cars/bmw", "cars/vw"):
        (tmp_path / "s" / name).mkdir(parents=True)
        Image.fromarray(crop(len(name))).save(tmp_path / "s" / name / "0.png")
    error = refused(2, "check", tmp_path / "s")
    assert "--classes-at 1" in error
    assert "--classes-at 2" in error
    found = good("check", tmp_path / "s", "--classes-at", "2")
    assert found["classes"] == ["bmw", "cat", "dog", "vw"]
    answers = iter(["2\n"])

    class Terminal:
        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            return next(answers)

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("ripguard.cli.source._on_terminal", lambda options: True)
    code, out, err = call("check", tmp_path / "s")
    assert code == 0
    assert "which number is right?" in err
    assert "4 classes" in out
    answers = iter(["7\n"])
    assert "--classes-at 1" in refused(2, "check", tmp_path / "s")


def test_nothing_to_protect(tmp_path):  # type: ignore[no-untyped-def]
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InputRefused, match="no image"):
        ripguard.check(tmp_path)
