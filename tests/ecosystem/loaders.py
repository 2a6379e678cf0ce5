"""What common loaders find in a folder, in a form that can be compared: facts.

Facts are ``{split: (classes, images)}``: class name → number, and path without suffix → (class or boxes, text, size).
The names of splits are the loader's. A loader that writes beside the images gets a copy of the folder. torchvision's
own ``VOCDetection`` is not here: it opens ``ID.jpg`` whatever the annotation names, so it cannot read a release.
"""

from __future__ import annotations

import csv
import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ripguard._torchvision import torchvision  # before any library that imports torchvision by itself

Facts = dict[str, tuple[dict[str, int], dict[str, Any]]]
SKIPPED = "is not installed: run make test-ecosystem"


def key(path: str | Path, root: Path) -> str:
    return Path(path).resolve().relative_to(root.resolve()).with_suffix("").as_posix()


def size(path: str | Path) -> tuple[int, int]:
    with Image.open(path) as image:
        image.load()
        return image.size


def parts(root: Path) -> dict[str, Path]:
    """Folders that hold classes, by split."""
    found = {name: root / name for name in ("train", "val", "test") if (root / name).is_dir()}
    return found or {"": root}


def load_with_torchvision(root: Path, tmp: Path) -> Facts:
    facts = {}
    for split, place in parts(root).items():
        data = torchvision.datasets.ImageFolder(str(place))
        images = {key(path, root): (label, "", data[i][0].size) for i, (path, label) in enumerate(data.samples)}
        facts[split] = data.class_to_idx, images
    return facts


def load_with_timm(root: Path, tmp: Path) -> Facts:
    pytest.importorskip("timm", reason=f"timm {SKIPPED}")
    from timm.data import ImageDataset

    facts = {}
    for split, place in parts(root).items():
        data = ImageDataset(str(place))
        names = [data.filename(i, absolute=True) for i in range(len(data))]
        images = {key(name, root): (data[i][1], "", data[i][0].size) for i, name in enumerate(names)}
        facts[split] = dict(data.reader.class_to_idx), images
    return facts


def load_with_hugging_face(root: Path, tmp: Path) -> Facts:
    datasets = pytest.importorskip("datasets", reason=f"datasets {SKIPPED}")
    datasets.disable_progress_bars()
    facts = {}
    for split, data in datasets.load_dataset("imagefolder", data_dir=str(root), cache_dir=str(tmp / "cache")).items():
        label = data.features.get("label")
        names = label.names if label else []
        paths = [row["path"] for row in data.cast_column("image", datasets.Image(decode=False))["image"]]
        images = {
            key(path, root): (row.get("label"), row.get("text", ""), row["image"].size)
            for path, row in zip(paths, data, strict=True)
        }
        facts[str(split)] = {name: number for number, name in enumerate(names)}, images
    return facts


def ultralytics(root: Path, tmp: Path) -> Path:
    """A copy of the folder: the library leaves files beside the images. Skips without the library."""
    pytest.importorskip("ultralytics", reason=f"ultralytics {SKIPPED}")
    return shutil.copytree(root, tmp / "copy")


def load_with_yolo_classify(root: Path, tmp: Path) -> Facts:
    root = ultralytics(root, tmp)
    from ultralytics.cfg import get_cfg
    from ultralytics.data.dataset import ClassificationDataset

    facts = {}
    for split, place in parts(root).items():
        data = ClassificationDataset(str(place), get_cfg(overrides={"imgsz": 32}))
        images = {key(path, root): (label, "", size(path)) for path, label, *_ in data.samples}
        assert all(data[i]["img"].shape == (3, 32, 32) for i in range(len(data)))
        facts[split] = data.base.class_to_idx, images
    return facts


def load_with_yolo_detect(root: Path, tmp: Path) -> Facts:
    root = ultralytics(root, tmp)
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.utils import YAML

    settings, facts = YAML.load(root / "data.yaml"), {}
    for split in ("train", "val"):
        data = YOLODataset(img_path=str(root / settings[split]), data=settings, imgsz=32, augment=False)
        images = {
            key(one["im_file"], root): (one["cls"].tolist(), one["bboxes"].tolist(), one["shape"])
            for one in data.labels
        }
        assert all(data[i]["img"].shape == (3, 32, 32) for i in range(len(data)))
        facts[split] = {name: number for number, name in settings["names"].items()}, images
    return facts


def load_with_coco(root: Path, tmp: Path) -> Facts:
    tools = pytest.importorskip("pycocotools.coco", reason=f"pycocotools {SKIPPED}")
    data, images = tools.COCO(str(root / "annotations/instances_train2017.json")), {}
    for image in data.loadImgs(data.getImgIds()):
        path, boxes = root / "train2017" / image["file_name"], data.loadAnns(data.getAnnIds(image["id"]))
        assert size(path) == (image["width"], image["height"])
        images[key(path, root)] = [box["category_id"] for box in boxes], [box["bbox"] for box in boxes], size(path)
    return {"": ({one["name"]: one["id"] for one in data.loadCats(data.getCatIds())}, images)}


def load_with_voc(root: Path, tmp: Path) -> Facts:
    """Ids of a list, an annotation for each, and the image that it names."""
    facts: Facts = {}
    for split in ("train", "val"):
        images = {}
        for line in (root / f"ImageSets/Main/{split}.txt").read_text().split():
            tree = ElementTree.parse(root / f"Annotations/{line}.xml")
            path = root / "JPEGImages" / str(tree.findtext("filename"))
            images[key(path, root)] = tree.findtext("object/name"), "", size(path)
        facts[split] = {}, images
    return facts


def load_with_csv_ids(root: Path, tmp: Path) -> Facts:
    """Ids of a table, and the image with this name before its suffix."""
    images = {}
    with open(root / "train.csv", newline="") as file:
        for row in csv.DictReader(file):
            (path,) = (root / "train").glob(f"{row['id']}.*")
            images[key(path, root)] = row["label"], "", size(path)
    return {"": ({}, images)}


def load_with_captions(root: Path, tmp: Path) -> Facts:
    """The text beside each image."""
    paths = [path for path in (root / "set").iterdir() if path.suffix in (".jpg", ".png")]
    return {"": ({}, {key(path, root): (None, path.with_suffix(".txt").read_text(), size(path)) for path in paths})}


LOADERS: list[tuple[str, Callable[[Path, Path], Facts]]] = [
    ("class_folders", load_with_torchvision),
    ("class_folders", load_with_timm),
    ("class_folders", load_with_hugging_face),
    ("splits", load_with_torchvision),
    ("splits", load_with_timm),
    ("splits", load_with_hugging_face),
    ("classify", load_with_torchvision),
    ("classify", load_with_yolo_classify),
    ("jsonl", load_with_hugging_face),
    ("csv_per_split", load_with_hugging_face),
    ("captions", load_with_captions),
    ("detect", load_with_yolo_detect),
    ("coco", load_with_coco),
    ("voc", load_with_voc),
    ("kaggle", load_with_csv_ids),
]
