"""What a check reports before any work."""

from __future__ import annotations

import base64
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
        (root / f"train/cat/layers{i}.psd").write_bytes(b"8BPS")
        (root / f"train/dog/page{i}.jpg").write_text("<html>not found</html>")
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
    "train/cat/layers0.psd", "train/cat/layers1.psd", "train/cat/layers2.psd", "train/dog/page0.jpg",
    "train/dog/page1.jpg", "train/dog/page2.jpg", "train/dog/moving.gif", "train/dog/cut.png", "val/cat/gone.png",
}  # fmt: skip


def test_mixed_trouble_is_one_list(tmp_path):  # type: ignore[no-untyped-def]
    """`check` and `protect` name every file that is refused in one run, with the reason and what to do."""
    root = mixed(tmp_path / "s")
    found = ripguard.check(root)
    assert {one["path"] for one in found.refused} == BAD
    assert all(one["hint"] for one in found.refused if not one["path"].endswith("cut.png"))
    assert sum(len(names) for _, _, names in found.kinds) == 9 > len(found.kinds)
    code, out, _ = call("check", root, "--json")
    assert code == 3
    assert {one["path"] for one in json.loads(out)["refused"]} == BAD
    code, out, _ = call("check", root)
    assert "refused: 9" in out
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


@pytest.mark.parametrize(
    ("scheme", "words"), [("mrit", "get noise"), ("carve", "get a clean thumbnail"), ("balanced", "get noise")]
)
def test_what_images_without_a_label_get(tmp_path, scheme, words):  # type: ignore[no-untyped-def]
    """It hangs on the perturbation; one that is not by class has nothing to say."""
    root = mixed(tmp_path / "s")
    _, out, _ = call("check", root, "--scheme", scheme)
    assert f"images without a label {words}: the perturbation by class needs a label" in out
    seal = ripguard.check(root, scheme="seal", perturb="none", images=False)
    assert (seal.without_label, ripguard.check(root, scheme=scheme, images=False).without_label) == ("", words[4:])


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


def test_a_single_class(tmp_path):  # type: ignore[no-untyped-def]
    """What `protect` refuses, `check` and the dry run refuse, too."""
    (tmp_path / "s/cat").mkdir(parents=True)
    for i in range(3):
        Image.fromarray(crop(i)).save(tmp_path / f"s/cat/{i}.png")
    key = key_at(tmp_path / "k")
    for command in (["check"], ["protect", "--dry-run"], ["protect"]):
        more = [] if command == ["check"] else [tmp_path / "out", "--key-file", key]
        code, out, err = call(command[0], tmp_path / "s", *more, *command[1:])
        assert code == 3
        assert "expected at least two classes, found 1" in out + err
    assert call("check", tmp_path / "s", "--scheme", "mrit", "--layout", "flat")[0] == 3


def test_texts_that_hold_images(tmp_path):  # type: ignore[no-untyped-def]
    """LabelMe's imageData: the clean image in base64, beside its protected copy."""
    root, key = mixed(tmp_path / "s"), key_at(tmp_path / "k")
    for name in BAD:
        (root / name).unlink()
    for i in range(2):
        data = base64.b64encode((root / f"train/cat/{i}.jpg").read_bytes()).decode()
        (root / f"train/cat/{i}.json").write_text(json.dumps({"imagePath": f"{i}.jpg", "imageData": data}))
    assert [one["path"] for one in ripguard.check(root).refused] == ["train/cat/0.json", "train/cat/1.json"]
    error = refused(3, "protect", root, tmp_path / "out", "--key-file", key)
    assert "2 × it holds an image" in error
    assert "imageData" in error
    assert not (tmp_path / "out").exists()


def test_texts_beside_images_that_get_another_name(tmp_path):  # type: ignore[no-untyped-def]
    """Two images of one name get longer names; the label file of that name then belongs to neither."""
    for name in ("cat/0.jpg", "cat/0.png", "dog/1.png"):
        (tmp_path / "s" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(crop(len(name))).save(tmp_path / "s" / name)
    (tmp_path / "s/cat/0.txt").write_text("0 .5 .5 .1 .1")
    assert sorted(ripguard.check(tmp_path / "s").parted) == ["cat/0.jpg", "cat/0.png"]
    _, out, _ = call("check", tmp_path / "s")
    assert "another name than the text beside them" in out


def test_a_part_of_a_source_has_its_names(tmp_path):  # type: ignore[no-untyped-def]
    """--limit: an image keeps the published name that it has beside all others, so that verify finds it."""
    for name in ("cat/0.jpg", "cat/0.png", "dog/1.jpg", "dog/1.png"):
        (tmp_path / "s" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(crop(len(name) + ("dog" in name))).save(tmp_path / "s" / name)
    (tmp_path / "s/list.txt").write_text("cat/0.jpg\ncat/0.png\n")
    key = key_at(tmp_path / "k")
    good("protect", tmp_path / "s", tmp_path / "out", "--key-file", key, "--limit", "2")
    assert good("verify", tmp_path / "out", "--key-file", key, "--source", tmp_path / "s")["ok"]
    assert (tmp_path / "out/cat/0.jpg.png").exists()
    assert (tmp_path / "out/list.txt").read_text() == "cat/0.jpg.png\ncat/0.png\n"


def test_a_text_in_the_place_of_an_image(tmp_path):  # type: ignore[no-untyped-def]
    """Its folder has the name that an image would get: refused before any work."""
    for name in ("cat/0.jpg", "dog/1.jpg"):
        (tmp_path / "s" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(crop(len(name))).save(tmp_path / "s" / name)
    (tmp_path / "s/cat/0.png").mkdir()
    (tmp_path / "s/cat/0.png/readme.txt").write_text("x")
    error = refused(3, "protect", tmp_path / "s", tmp_path / "out", "--key-file", key_at(tmp_path / "k"))
    assert "cat/0.png/readme.txt: its folder has the name of a published image" in error
