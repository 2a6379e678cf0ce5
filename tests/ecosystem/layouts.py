"""Ten small datasets in layouts of real life: drawn images, JPEG and PNG, and the texts that name them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("cat", "dog")
SIZES = ((40, 32), (33, 47), (48, 40), (32, 32))  # width and height, in turn


def draw(path: Path, number: int) -> tuple[int, int]:
    """Save a smooth drawn image, and return its width and height."""
    width, height = SIZES[number % len(SIZES)]
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / (3 + number % 5 + k)) + np.cos(y / (4 + number % 3 + k)) for k in range(3)]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.uint8(128 + 50 * np.stack(waves, axis=-1))).save(path)
    return width, height


def text(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def table(path: Path, rows: list[list[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(rows)


def suffix(number: int) -> str:
    return "png" if number % 3 == 2 else "jpg"


def class_folders(root: Path) -> None:
    for number in range(6):
        draw(root / CLASSES[number % 2] / f"{number}.{suffix(number)}", number)


def splits(root: Path) -> None:
    for number in range(12):
        draw(root / ("train", "val", "test")[number // 4] / CLASSES[number % 2] / f"{number}.{suffix(number)}", number)


def classify(root: Path) -> None:
    """As YOLO classification has it."""
    for number in range(8):
        draw(root / ("train", "val")[number // 6] / CLASSES[number % 2] / f"im g.{number}.{suffix(number)}", number)


def jsonl(root: Path) -> None:
    lines = []
    for number in range(6):
        name = f"{number}.{suffix(number)}"
        draw(root / name, number)
        lines.append(json.dumps({"file_name": name, "text": f"caption {number}, not of {number}1.jpg"}) + "\n")
    text(root / "metadata.jsonl", "".join(lines))


def csv_per_split(root: Path) -> None:
    for split, first in (("train", 0), ("test", 4)):
        rows = [["file_name", "text"]]
        for number in range(first, first + 4):
            name = f"a, {number}.{suffix(number)}"
            draw(root / split / name, number)
            rows.append([name, f'the "{number}"'])
        table(root / split / "metadata.csv", rows)


def captions(root: Path) -> None:
    """A text beside each image."""
    for number in range(6):
        draw(root / "set" / f"{number}.{suffix(number)}", number)
        text(root / "set" / f"{number}.txt", f"caption {number}")


def detect(root: Path) -> None:
    """YOLO detection: a folder for training, a list for validation."""
    names = []
    for number in range(6):
        split = "val" if number >= 4 else "train"
        name = f"images/{split}/{number}.{suffix(number)}"
        draw(root / name, number)
        text(root / f"labels/{split}/{number}.txt", f"{number % 2} 0.5 0.5 0.25 0.5\n")
        names += [f"./{name}\n"] if split == "val" else []
    text(root / "val.txt", "".join(names))
    text(root / "data.yaml", "train: images/train\nval: val.txt\nnames:\n  0: cat\n  1: dog\n")


def coco(root: Path) -> None:
    images, boxes = [], []
    for number in range(6):
        name = f"{number:012d}.{suffix(number)}"
        width, height = draw(root / "train2017" / name, number)
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        boxes.append({"id": number + 1, "image_id": number, "category_id": 1 + number % 2, "bbox": [1, 2, 8, 9],
                      "area": 72, "iscrowd": 0})  # fmt: skip
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    content = {"images": images, "annotations": boxes, "categories": categories}
    text(root / "annotations/instances_train2017.json", json.dumps(content))


def voc(root: Path) -> None:
    for number in range(6):
        name = f"2007_{number:06d}.jpg"
        width, height = draw(root / "JPEGImages" / name, number)
        text(
            root / f"Annotations/2007_{number:06d}.xml",
            f"<annotation>\n\t<folder>VOC2007</folder>\n\t<filename>{name}</filename>\n\t<size><width>{width}</width>"
            f"<height>{height}</height><depth>3</depth></size>\n\t<object><name>{CLASSES[number % 2]}</name></object>\n"
            "</annotation>\n",
        )
    for split, numbers in (("train", range(4)), ("val", range(4, 6))):
        text(root / f"ImageSets/Main/{split}.txt", "".join(f"2007_{number:06d}\n" for number in numbers))


def kaggle(root: Path) -> None:
    """Ids in a table."""
    rows = [["id", "label"]]
    for number in range(6):
        draw(root / "train" / f"{number:04x}.{suffix(number)}", number)
        rows.append([f"{number:04x}", CLASSES[number % 2]])
    table(root / "train.csv", rows)


LAYOUTS: dict[str, Callable[[Path], None]] = {
    make.__name__: make
    for make in (class_folders, splits, classify, jsonl, csv_per_split, captions, detect, coco, voc, kaggle)
}
