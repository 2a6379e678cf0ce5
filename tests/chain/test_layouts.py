"""Folders as people have them, through the whole chain: equal classes and counts, every text with its image, one tree.

Loaders of other packages are in tests/ecosystem.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers import crop, good
from PIL import Image

import ripguard
from ripguard import ProtectedDataset
from ripguard._torchvision import torchvision
from ripguard.data.mentions import Mentions, rewritten
from ripguard.data.scan import scan

Tree = dict[str, str]  # file → text; images have an empty text
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")


def draw(root: Path, tree: Tree) -> Path:
    """Write a tree of small images, each of its own, and texts."""
    for number, (name, text) in enumerate(tree.items()):
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if name.lower().endswith(SUFFIXES):
            Image.fromarray(crop(number, 24, 24)).save(place, **({"quality": 95} if "jp" in name[-4:] else {}))
        else:
            place.write_text(text)
    return root


def images(*names: str) -> Tree:
    return dict.fromkeys(names, "")


def each(folder: str, suffix: str = ".jpg", count: int = 3) -> Tree:
    return images(*(f"{folder}/{i}{suffix}" for i in range(count)))


def jsonl(*rows: dict[str, str]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


VOC = "<annotation><folder>JPEGImages</folder><filename>{}</filename><object><name>cat</name></object></annotation>"
COCO = json.dumps({"images": [{"id": 1, "file_name": "0.jpg"}, {"id": 2, "file_name": "1.jpg"}], "annotations": []})
LAYOUTS: dict[str, Tree] = {
    "class folders": each("cup", ".png") | each("lamp", ".png"),
    "class folders of JPEGs": each("cup") | each("lamp"),
    "an image beside class folders": each("cup") | each("lamp") | images("contact_sheet.png"),
    "an image beside splits": each("train/cup") | each("train/lamp") | each("val/cup") | images("logo.png"),
    "train and test": each("train/cup") | each("train/lamp") | each("test/cup") | each("test/lamp"),
    "train, valid and test": each("train/cup") | each("train/lamp") | each("valid/cup") | each("test/lamp"),
    "upper case": each("Train/Cup") | each("Train/lamp") | each("Test/Cup"),
    "unlabelled test images": each("train/cup") | each("train/lamp") | each("test"),
    "Kaggle's nested splits": each("seg_train/seg_train/sea") | each("seg_train/seg_train/hill")
    | each("seg_test/seg_test/sea") | each("seg_pred/seg_pred"),
    "training_set": each("training_set/cats") | each("training_set/dogs") | each("test_set/cats"),
    "a folder around everything": each("archive/train/a") | each("archive/train/b") | each("archive/test/a"),
    "one more folder in each class": each("train/n01/images") | each("train/n02/images") | each("val/images")
    | {"val/val_annotations.txt": "0.jpg\tn01\n1.jpg\tn02\n2.jpg\tn01\n"},
    "captions beside images": each("10_cup") | {f"10_cup/{i}.txt": f"a cup, {i}" for i in range(3)}
    | each("5_lamp") | {f"5_lamp/{i}.txt": f"a lamp, {i}" for i in range(3)},
    "captions in one file": each("Images")
    | {"captions.txt": "image,caption\n0.jpg,a cup\n1.jpg,a lamp\n2.jpg,a car\n"},
    "YOLO": each("images/train") | each("images/val")
    | {f"labels/{s}/{i}.txt": "0 .5 .5 .2 .2" for s in ("train", "val") for i in range(3)}
    | {"data.yaml": "train: images/train\nval: images/val\nnames: [cup]\n"},
    "Roboflow": each("train/images") | each("valid/images") | {f"{s}/labels/{i}.txt": "0 .5 .5 .2 .2"
    for s in ("train", "valid") for i in range(3)} | {"README.dataset.txt": "# cups"},
    "COCO": each("train2017") | each("val2017") | {"annotations/instances_train2017.json": COCO},
    "VOC": each("JPEGImages") | {f"Annotations/{i}.xml": VOC.format(f"{i}.jpg") for i in range(3)}
    | {"ImageSets/Main/train.txt": "0\n1\n2\n"},
    "Hugging Face, metadata.jsonl": each("train/cup") | each("train/lamp") | {"train/metadata.jsonl": jsonl(
        *({"file_name": f"{c}/{i}.jpg", "text": f"{c} {i}"} for c in ("cup", "lamp") for i in range(3)))},
    "Hugging Face, metadata.csv": each("data") | {"metadata.csv": "file_name,text\n" + "".join(
        f"data/{i}.jpg,text {i}\n" for i in range(3))},
    "Kaggle with ids": each("train") | each("test") | {"train.csv": "id,label\n0,cup\n1,lamp\n2,cup\n",
    "sample_submission.csv": "id,label\n0,cup\n"},
    "Kaggle with file names": each("train") | {"train.csv": "filename,label\n0.jpg,cup\n1.jpg,lamp\n2.jpg,cup\n"},
    "licence and notes": each("cup") | each("lamp")
    | {"LICENSE": "CC0", "README.md": "![](cup/0.jpg)", "cup/readme.txt": "x"},
    "names that collide": images("cup/0.jpg", "cup/0.png", "cup/0.bmp", "lamp/a.jpg", "lamp/A.png")
    | each("lamp", ".png"),
    "odd names": images("a b/ü (1).jpg", "a b/1.2.jpg", "日本/x.JPG", "日本/&.jpeg")
    | {"list.txt": "a b/ü (1).jpg\n日本/x.JPG\n"},
}  # fmt: skip
WITHOUT_CLASSES = {"captions in one file", "YOLO", "Roboflow", "COCO", "VOC", "Hugging Face, metadata.csv",
                   "Kaggle with ids", "Kaggle with file names"}  # fmt: skip


def image_folder(root: Path) -> tuple[dict[str, int], dict[str, int]] | None:
    """Class numbers and counts of ``ImageFolder``; None if it cannot load the folder."""
    try:
        found = torchvision.datasets.ImageFolder(str(root))
    except FileNotFoundError:
        return None
    counts = Counter(found.classes[target] for _, target in found.samples)
    return found.class_to_idx, dict(counts)


def names_of(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def beside(root: Path, is_image: Callable[[str], bool]) -> set[str]:
    """Images without suffix that have a text of the same name: in their folder, or in ``labels`` for ``images``."""
    names = set(names_of(root))
    stems = {name.rpartition(".")[0] for name in names if is_image(name)}
    return {stem for stem in stems if {f"{stem}.txt", f"{stem.replace('images', 'labels')}.txt"} & names}


def dangling(root: Path, names: list[str]) -> list[str]:
    """Names of images in texts that no image has; ``names``: texts."""
    known = Mentions({name: name for name, _ in scan(root).images})
    return [f"{name}: {one}" for name in names for one in rewritten((root / name).read_bytes(), name, known).unresolved]


def is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout(name, tmp_path):  # type: ignore[no-untyped-def]
    """Source, release and restored folder load alike; the restored tree is the source's, texts byte for byte."""
    tree = LAYOUTS[name]
    source, release, back, key = draw(tmp_path / "s", tree), tmp_path / "r", tmp_path / "b", tmp_path / "k"
    good("keygen", "--out", key)
    without = {"perturb": "noise"} if name in WITHOUT_CLASSES else {}
    made = ripguard.protect(source, release, key, workers=1, **without)
    assert made.images == sum(map(is_image, tree))
    assert good("verify", release, "--key-file", key, "--source", source)["ok"]
    good("restore", release, back, "--key-file", key, "--workers", "1")

    assert names_of(back) == sorted(tree)  # the same paths, the same names
    for file in tree:
        if is_image(file):
            after, before = (np.asarray(Image.open(root / file)) for root in (back, source))
            assert np.array_equal(after, before), file
        else:
            assert (back / file).read_bytes() == (source / file).read_bytes(), file
    moved = {one.rpartition("/")[0] for one in names_of(release)} - {one.rpartition("/")[0] for one in tree} - {""}
    assert moved == set()
    for folder in ("", *{one.partition("/")[0] for one in tree if "/" in one}):
        expected = image_folder(source / folder)
        if expected:
            assert image_folder(release / folder) == image_folder(back / folder) == expected
    texts = [file for file in tree if not is_image(file)]
    if name != "names that collide":
        assert beside(release, is_image) == beside(back, is_image) == beside(source, is_image)
    assert dangling(source, texts) == dangling(back, texts) == dangling(release, texts) == []


@pytest.mark.parametrize(
    "name", ["train and test", "an image beside splits", "unlabelled test images", "Kaggle's nested splits"]
)
def test_numbers_of_classes(name, tmp_path):  # type: ignore[no-untyped-def]
    """`ProtectedDataset` has the numbers and counts of ``ImageFolder`` on the source's training folder."""
    source, key = draw(tmp_path / "s", LAYOUTS[name]), tmp_path / "k"
    good("keygen", "--out", key)
    ripguard.protect(source, tmp_path / "r", key, workers=1)
    inside = "seg_train/seg_train" if "Kaggle" in name else "train"
    plain = torchvision.datasets.ImageFolder(str(source / inside))
    own = ProtectedDataset(tmp_path / "r", key)
    assert own.class_to_idx == plain.class_to_idx
    assert sorted(own.targets) == sorted(plain.targets)
