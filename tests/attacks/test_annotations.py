"""Annotations that a stranger changed somewhere: read, or rejected with file and reason; never another error."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest
from helpers import SEED
from layouts import LAYOUTS

from ripguard import api
from ripguard.errors import RipguardError

TOKENS = (
    b"null", b"-1", b"1e999", b"[]", b"{}", b'""', b"NaN", b"true", b"9" * 20, b"\xff", b"\0", b'"\xed\xa0\x80"',
    b'"\\ud800"', b"<", b"&x;", b"*a", b"&a", b"'", b'"', b"\n", b": ", b"- ", b"../", b"[[[[",
)  # fmt: skip
SPOT = re.compile(rb'"[^"]*"|[-\d.]+|\w+|\[[^\[\]]*\]|\{[^{}]*\}')
FORMATS = {"coco": "coco", "voc": "voc", "detect": "yolo", "jsonl": "hf-folder", "csv_per_split": "hf-folder"}
OBJECTS = {"bbox": [[1, 2, 3, 4]], "categories": ["a"], "segmentation": [[[1, 2, 3, 4, 5, 6]]], "mask": [None],
           "keypoints": [[1, 2, 2]], "attributes": [{"a": 1}], "extras": [{"coco": {"b": 1}}]}  # fmt: skip


def enriched(root: Path, name: str) -> Path:
    """A layout with everything that its reader reads."""
    root.mkdir()
    LAYOUTS[name](root)
    if name == "jsonl":
        row = {"file_name": "0.jpg", "label": 1, "text": "x", "objects": OBJECTS, "extras": {"coco": {"x": 1}}}
        (root / "metadata.jsonl").write_text(json.dumps(row) + "\n")
    if name == "detect":
        more = "names: {0: cat, 1: dog}\nkpt_shape: [2, 3]\nnc: 2\n"
        (root / "data.yaml").write_text(f"train: images/train\nval: val.txt\n{more}")
    if name == "coco":
        path = root / "annotations/instances_train2017.json"
        more = '"segmentation": [[1, 2, 3, 4, 5, 6]], "keypoints": [1, 2, 2], "attributes": {"a": 1}'
        path.write_text(path.read_text().replace('"iscrowd": 0', f'"iscrowd": 0, {more}', 2))
    if name == "voc":
        box = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>9</xmax><ymax>9</ymax></bndbox><pose>Left</pose></object>"
        for path in (root / "Annotations").glob("*.xml"):
            path.write_text(path.read_text().replace("</object>", box))
    return root


def mutated(raw: bytes, draw: random.Random) -> bytes:
    for _ in range(draw.randint(1, 2)):
        start, end = draw.choice([found.span() for found in SPOT.finditer(raw)] or [(0, 0)])
        raw = raw[:start] + draw.choice(TOKENS) + raw[end:]
    return raw


@pytest.mark.parametrize("rounds", [12, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", FORMATS)
def test_any_change(name, rounds, tmp_path):  # type: ignore[no-untyped-def]
    """What is sound is converted, and read again without a rejection."""
    root, draw = enriched(tmp_path / "s", name), random.Random(f"{name} {rounds} {SEED}")
    assert api.examine(root).rejections == ()
    suffixes = (".json", ".xml", ".txt", ".yaml", ".jsonl", ".csv")
    paths = sorted(path for path in root.rglob("*") if path.suffix in suffixes)
    for number in range(rounds):
        path = draw.choice(paths)
        raw = path.read_bytes()
        path.write_bytes(mutated(raw, draw))
        target, out = draw.choice(["coco", "voc", "yolo", "hf-folder", "parquet"]), tmp_path / str(number)
        try:
            api.convert(root, out, target, format=FORMATS[name], accept_losses=True, skip_rejected=True)
            assert api.examine(out, format=target).rejections == ()
        except RipguardError:
            pass
        path.write_bytes(raw)
