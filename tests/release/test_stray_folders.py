"""A folder that would be a class of its own for some loaders is reported, empty as it may be."""

from __future__ import annotations

import json
import shutil

import pytest
from helpers import call

from ripguard.release.stray_folders import stray_folders


def test_which_folders():
    files = ["train/a/0.png", "train/b/x/1.png", "n.txt"]
    folders = ["train", "train/a", "train/b", "train/b/x"]
    assert stray_folders(folders, files) == []
    more = ["train/aa", "train/aa/deep", "val", "train/a/sub", "train/.git", "@eaDir", "train/b/y"]
    assert stray_folders([*folders, *more], files) == ["train/aa/", "train/b/y/", "val/"]


@pytest.mark.parametrize("inside", ["", "a/.DS_Store", ".keep"])
def test_an_added_class(inside, made):  # type: ignore[no-untyped-def]
    """Empty, or with litter only: before all classes, whose numbers it would shift."""
    folder = made.root / "0"
    folder.mkdir()
    if inside:
        (folder / inside).parent.mkdir(exist_ok=True)
        (folder / inside).write_bytes(b"x")
    code, out, _ = call("verify", made.root, "--json")
    assert (code, json.loads(out)["extra"]) == (10, ["0/"])
    shutil.rmtree(folder)
    assert call("verify", made.root)[0] == 0


def test_a_class_whose_images_are_gone(made):  # type: ignore[no-untyped-def]
    for path in (made.root / "a").iterdir():
        path.unlink()
    code, out, _ = call("verify", made.root, "--json")
    assert (code, json.loads(out)["extra"]) == (10, [])
