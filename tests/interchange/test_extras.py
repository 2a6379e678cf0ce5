"""Extras in the files of strangers: neither paths nor fields of a writer, and no tracebacks."""

from __future__ import annotations

import json

import pytest
from helpers import crop
from layouts import LAYOUTS

from ripguard import api
from ripguard.errors import InputRefused
from ripguard.images.encoding import png_bytes
from ripguard.interchange.extras import sound
from ripguard.interchange.output import Output

OBJECTS = [
    {"coco": {"tasks": ["../../../evil"]}}, {"coco": {"tasks": 5}}, {"coco": {"bbox": [0, 0, 1, 1]}},
    {"coco": {"id": [1]}}, {"voc": {"elements": [["<b/>", "", [], {}]]}}, {"voc": {"elements": [["b", "x"]]}},
    {"voc": {"elements": [["b", "\0", [], {}]]}}, {"voc": {"bndbox": ["1", "2", "3", "<b/>"]}},
]  # fmt: skip
SAMPLES = [
    {"coco": {"file_name": "../../x.png"}}, {"coco": {"labels": 5}}, {"coco": {"caption_ids": 1}},
    {"voc": {"depth": 3}}, {"voc": {"elements": [["filename", "other.png", [], {}]]}},
]  # fmt: skip
WHOLE = [
    {"coco": {"top": {"train": {"../../evil": {}}}}}, {"coco": {"top": 5}}, {"coco": {"category_ids": [1]}},
    {"coco": 5}, {"hf-folder": {"text": "file_name"}},
]  # fmt: skip


@pytest.mark.parametrize(("level", "extras"), [
    *(("object", one) for one in OBJECTS), *(("sample", one) for one in SAMPLES), *(("dataset", one) for one in WHOLE),
    ("class", {"coco": {"name": "other"}}),
])  # fmt: skip
def test_other_forms_are_not_sound(level, extras):  # type: ignore[no-untyped-def]
    assert not sound(level, extras)
    assert sound(level, {"a-format": {"any": 1}})


@pytest.mark.parametrize("target", ["coco", "voc"])
@pytest.mark.parametrize("where", ["object", "sample"])
def test_rows_with_such_extras_are_rejected(target, where, tmp_path):  # type: ignore[no-untyped-def]
    """Nothing is written outside of the output, and the message names the row."""
    (tmp_path / "s").mkdir()
    (tmp_path / "s/a.png").write_bytes(png_bytes(crop(0, 20, 30)))
    for at, extras in enumerate(OBJECTS if where == "object" else SAMPLES):
        row = {"file_name": "a.png", "objects": {"bbox": [[1, 1, 5, 5]], "categories": ["x"]}}
        if where == "object":
            row["objects"]["extras"] = [extras]
        else:
            row["extras"] = extras
        (tmp_path / "s/metadata.jsonl").write_text(json.dumps(row))
        with pytest.raises(InputRefused, match="line 1"):
            api.convert(tmp_path / "s", tmp_path / "in/out", target, accept_losses=True)
        done = api.convert(tmp_path / "s", tmp_path / f"{at}", target, accept_losses=True, skip_rejected=True)
        assert len(done.rejected) == 1
        assert not list(tmp_path.rglob("*evil*"))


def test_fields_of_coco_that_are_called_as_extras_are_attributes(tmp_path):  # type: ignore[no-untyped-def]
    LAYOUTS["coco"](tmp_path / "s")
    for path in (tmp_path / "s/annotations").glob("*.json"):
        content = json.loads(path.read_text())
        content["images"][0]["labels"] = 5
        for one in content["annotations"]:
            one["tasks"] = ["../../../evil"]
        path.write_text(json.dumps(content))
    assert api.convert(tmp_path / "s", tmp_path / "in/deep/out", "coco").losses == ()
    assert not list(tmp_path.rglob("*evil*"))
    found = api.examine(tmp_path / "in/deep/out").dataset
    assert any(one.attributes.get("labels") == 5 for one in found.samples)
    assert found.ordered() == api.examine(tmp_path / "s").dataset.ordered()


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/tmp/x", ""])
def test_no_name_leads_out_of_the_output(name, tmp_path):  # type: ignore[no-untyped-def]
    with pytest.raises(InputRefused, match="leads out"):
        Output(tmp_path / "out").text(name, "x")


def test_captions_that_are_no_text(tmp_path):  # type: ignore[no-untyped-def]
    """JSON has lone surrogates, which no file can hold as UTF-8."""
    (tmp_path / "s").mkdir()
    (tmp_path / "s/a.png").write_bytes(png_bytes(crop(0, 20, 30)))
    (tmp_path / "s/metadata.jsonl").write_text(json.dumps({"file_name": "a.png", "text": "\ud800"}))
    for target in ("parquet", "coco", "hf-folder"):
        with pytest.raises(InputRefused, match="is no text"):
            api.convert(tmp_path / "s", tmp_path / "o", target)
    assert [one.name for one in tmp_path.iterdir()] == ["s"]


def test_annotations_of_coco_that_are_no_list(tmp_path):  # type: ignore[no-untyped-def]
    LAYOUTS["coco"](tmp_path / "s")
    path = next((tmp_path / "s/annotations").glob("*.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"annotations": 5}))
    assert "expected a list" in {one.reason for one in api.examine(tmp_path / "s").rejections}
