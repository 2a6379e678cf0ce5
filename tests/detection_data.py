"""A COCO dataset for detection: real photographs of class `cat` and `coffee` pasted on canvases, with their boxes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from helpers import crop

from ripguard.images.encoding import png_bytes

CLASSES = {"person": 0, "cat": 1, "coffee": 2}  # class → the photograph that its crops come from
SIDE = 64


def make_coco(root: Path, images: int, seed: int = 0) -> Path:
    """Canvases of 64×64 pixels with one or two crops of 16 to 28 pixels that do not overlap."""
    draw = np.random.default_rng(seed)
    entries, objects = [], []
    (root / "train").mkdir(parents=True)
    (root / "annotations").mkdir()
    for number in range(images):
        canvas = np.full((SIDE, SIDE, 3), draw.integers(90, 160), np.uint8)
        for half in range(draw.integers(1, 3)):
            width, height = (int(value) for value in draw.integers(16, 29, 2))
            x, y = int(draw.integers(0, SIDE - width)), int(draw.integers(0, SIDE // 2 - height + 1)) + half * SIDE // 2
            label = int(draw.integers(3))
            canvas[y : y + height, x : x + width] = crop(label + 3 * int(draw.integers(1000)), height, width)
            objects.append({"id": len(objects) + 1, "image_id": number, "category_id": label + 1,
                            "bbox": [x, y, width, height], "area": width * height, "iscrowd": 0})  # fmt: skip
        name = f"{number:04d}.png"
        (root / "train" / name).write_bytes(png_bytes(canvas))
        entries.append({"id": number, "file_name": name, "width": SIDE, "height": SIDE})
    categories = [{"id": place + 1, "name": name} for name, place in CLASSES.items()]
    content = {"images": entries, "annotations": objects, "categories": categories}
    (root / "annotations/instances_train.json").write_text(json.dumps(content))
    return root
