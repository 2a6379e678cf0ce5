"""Hugging Face image folders, with JSON Lines and CSV."""

from __future__ import annotations

import json

import pytest
from helpers import crop
from layouts import csv_per_split, jsonl

from ripguard import api
from ripguard.images.encoding import png_bytes
from ripguard.interchange.hf_folder import HFFolder


def folder(root, *rows, name="metadata.jsonl"):  # type: ignore[no-untyped-def]
    root.mkdir()
    for number in range(3):
        (root / f"{number}.png").write_bytes(png_bytes(crop(number, 20, 30)))
    (root / name).write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows))
    return root


def rows(root):  # type: ignore[no-untyped-def]
    return [json.loads(line) for line in (root / "metadata.jsonl").read_text().splitlines()]


def test_the_same_rows_come_back(tmp_path):  # type: ignore[no-untyped-def]
    """Numbers of classes, names of columns, lists of objects and columns of one's own."""
    given = [
        {"file_name": "0.png", "label": 3, "caption": "x", "objects": {"bbox": [[1, 2, 3.5, 4]], "category": [7]}},
        {"file_name": "1.png", "label": 10, "weather": {"rain": [1, None]}, "score": 0.5},
        {"file_name": "2.png", "label": 0},
    ]
    assert api.convert(folder(tmp_path / "s", *given), tmp_path / "out", "hf-folder").losses == ()
    assert rows(tmp_path / "out") == given
    assert HFFolder().read(tmp_path / "out").dataset.classes == ("0", "3", "7", "10")


def test_lists_of_objects_keep_what_they_have(tmp_path):  # type: ignore[no-untyped-def]
    objects = {"bbox": [[1, 2, 3, 4], [5, 6, 7, 8]], "categories": ["cat", "dog"], "area": [12, 30], "id": [5, 9]}
    source = folder(tmp_path / "s", {"file_name": "0.png", "objects": objects})
    one, other = HFFolder().read(source).dataset.samples[0].objects
    assert (one.label, one.box, one.attributes) == ("cat", (1.0, 2.0, 3.0, 4.0), {"id": 5})
    assert other.attributes == {"id": 9, "area": 30}


@pytest.mark.parametrize("make", [jsonl, csv_per_split])
def test_layouts(make, tmp_path):  # type: ignore[no-untyped-def]
    make(tmp_path / "s")
    found = api.examine(tmp_path / "s")
    assert (found.format, found.rejections) == ("hf-folder", ())
    assert found.captions == found.images


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"file_name": "9.png"}, "missing image"), ({"file_name": "../0.png"}, "outside the dataset"),
        ({"label": 1}, "invalid value"), ("{\n", "unreadable file"), ("[]\n", "unreadable file"),
        ({"file_name": "0.png", "objects": {"bbox": [[1, 2]], "categories": ["a"]}}, "invalid value"),
        ({"file_name": "0.png", "objects": {"bbox": [[1, 2, 3, 4]], "categories": []}}, "invalid value"),
        ({"file_name": "0.png", "objects": {"bbox": [[1, 2, 3, 4]], "categories": [None]}}, "class not listed"),
        ({"file_name": "0.png", "objects": {"bbox": [[1, 2, 300, 4]], "categories": ["a"]}}, "box outside image"),
        ({"file_name": "1.png"}, "duplicate id"),
    ],
)  # fmt: skip
def test_rejections(row, kind, tmp_path):  # type: ignore[no-untyped-def]
    found = HFFolder().read(folder(tmp_path / "s", {"file_name": "1.png"}, row))
    assert [one.kind for one in found.rejections] == [kind]
    assert len(found.dataset.samples) in (1, 2)


def test_csv(tmp_path):  # type: ignore[no-untyped-def]
    source = folder(tmp_path / "s", "file_name,label,note\n", '0.png,cat,"a, b"\n', name="metadata.csv")
    assert api.convert(source, tmp_path / "out", "hf-folder").losses == ()
    assert rows(tmp_path / "out") == [{"file_name": "0.png", "label": "cat", "note": "a, b"}]
