"""The command: detection, rejections, losses, refusals, and nothing half-written."""

from __future__ import annotations

import json
import os

import pytest
from helpers import call, good, refused, tree_digest
from layouts import LAYOUTS

from ripguard import api
from ripguard.interchange.registry import FORMATS

FORMAT = {"class_folders": "imagefolder", "splits": "imagefolder", "jsonl": "hf-folder", "csv_per_split": "hf-folder",
          "detect": "yolo", "coco": "coco", "voc": "voc"}  # fmt: skip


@pytest.mark.parametrize("name", FORMAT)
def test_formats_are_detected_and_come_back(name, tmp_path):  # type: ignore[no-untyped-def]
    LAYOUTS[name](tmp_path / "s")
    found = good("check", tmp_path / "s", "--show-rejections")
    assert (found["format"], found["rejections"]) == (FORMAT[name], [])
    assert sum(found["splits"]["train" if "train" in found["splits"] else ""].values()) > 0
    done = good("convert", tmp_path / "s", tmp_path / "out", "--format", FORMAT[name])
    assert done["losses"] == []
    assert api.examine(tmp_path / "out").dataset.ordered() == api.examine(tmp_path / "s").dataset.ordered()


def test_losses_need_consent(tmp_path):  # type: ignore[no-untyped-def]
    """3 without it, and nothing is there; the list is complete before."""
    LAYOUTS["coco"](tmp_path / "s")
    command = ("convert", tmp_path / "s", tmp_path / "out", "--format", "imagefolder")
    message = refused(3, *command)
    assert "imagefolder cannot hold all of" in message
    assert "--accept-losses" in message
    code, out, _ = call(*command, "--dry-run", "--json")
    listed = json.loads(out)
    assert (code, listed["written"]) == (3, False)
    assert not (tmp_path / "out").exists()
    done = good(*command, "--accept-losses")
    assert done["losses"] == listed["losses"]
    assert done["losses"][0].keys() == {"format", "field", "count", "example"}
    assert good(*command[:2], tmp_path / "other", *command[3:], "--dry-run", "--accept-losses")["written"] is False


def test_rejections_end_with_3_and_can_be_left_out(tmp_path):  # type: ignore[no-untyped-def]
    LAYOUTS["detect"](tmp_path / "s")
    (tmp_path / "s/labels/train/0.txt").write_text("9 0.5 0.5 0.1 0.1\n1 0.5 0.5 3 0.1\n0 0.5 0.5 0.1 0.1\n")
    code, out, _ = call("check", tmp_path / "s", "--show-rejections")
    assert code == 3
    assert "labels/train/0.txt: line 1: class not listed" in out
    assert "labels/train/0.txt: line 2: box outside image" in out
    command = ("convert", tmp_path / "s", tmp_path / "out", "--format", "coco")
    assert "2 entries cannot be read" in refused(3, *command)
    assert not (tmp_path / "out").exists()
    assert len(good(*command, "--skip-rejected")["rejected"]) == 2
    assert api.examine(tmp_path / "out").objects == 6


def test_links(tmp_path):  # type: ignore[no-untyped-def]
    LAYOUTS["detect"](tmp_path / "s")
    good("convert", tmp_path / "s", tmp_path / "out", "--format", "coco", "--link")
    assert os.path.samefile(tmp_path / "s/images/train/0.jpg", tmp_path / "out/train/0.jpg")
    assert refused(2, "convert", "s", "o", "--format", "coco", "--link", "--copy")


def test_refusals(tmp_path):  # type: ignore[no-untyped-def]
    LAYOUTS["detect"](tmp_path / "s")
    before = tree_digest(tmp_path / "s")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").write_text("x")
    (tmp_path / "empty").mkdir()
    for code, words in (
        (8, ("s", "full", "--format", "coco")), (8, ("s", "s/out", "--format", "coco")),
        (2, ("s", "o", "--format", "x")), (2, ("s", "o", "--format", "coco", "--from", "x")),
        (3, ("empty", "o", "--format", "coco")), (3, ("none", "o", "--format", "coco")),
    ):  # fmt: skip
        refused(code, "convert", *[tmp_path / word if at < 2 else word for at, word in enumerate(words)])
    refused(2, "check", tmp_path / "s", "--from", "yolo")
    assert tree_digest(tmp_path / "s") == before
    assert not (tmp_path / "o").exists()


def test_a_failure_leaves_nothing(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    from ripguard.interchange import yolo_writing

    LAYOUTS["coco"](tmp_path / "s")
    monkeypatch.setattr(yolo_writing, "_line", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        api.convert(tmp_path / "s", tmp_path / "out", "yolo", accept_losses=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s"]


@pytest.mark.parametrize(("name", "module"), [("yolo", "yaml"), ("voc", "defusedxml"), ("parquet", "pyarrow")])
def test_missing_libraries_are_named(name, module, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    from ripguard import libraries

    LAYOUTS["coco"](tmp_path / "s")
    real = libraries.installed
    monkeypatch.setattr(libraries, "installed", lambda one: one != module and real(one))
    assert 'pip install "ripguard[formats]"' in refused(13, "convert", tmp_path / "s", tmp_path / "o", "--format", name)


def test_help_lists_the_formats():
    out = call("convert", "--help")[1]
    assert all(name in out for name in FORMATS.own)
    assert set(api.list_formats()) == set(FORMATS.own)
