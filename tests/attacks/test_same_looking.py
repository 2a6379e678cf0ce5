"""Images too small for a payload that look the same and come from different files: never another's file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers import call, crop, good, refused
from PIL import Image, PngImagePlugin

from ripguard.images.encoding import png_bytes

SCHEMES = {
    "mrit": ("--perturb", "none"),
    "seal": ("--scheme", "seal", "--allow-residue", "--perturb", "none"),
    "privdl": ("--scheme", "privdl"),
}


@pytest.fixture(params=SCHEMES)
def twins(request, tmp_path):  # type: ignore[no-untyped-def]
    """Two files of equal samples and other bytes, a third image; (source, release, key)."""
    source, small = tmp_path / "source", np.array([[[10, 20, 30], [40, 50, 60]]], np.uint8)
    for label in "ab":
        (source / label).mkdir(parents=True)
    (source / "a/0.png").write_bytes(png_bytes(small))
    note = PngImagePlugin.PngInfo()
    note.add_text("note", "the second file")
    Image.fromarray(small).save(source / "b/1.png", pnginfo=note)
    (source / "b/2.png").write_bytes(png_bytes(crop(3)))
    good("keygen", "--out", tmp_path / "k")
    more = (*SCHEMES[request.param], "--workers", "1")
    good("protect", source, tmp_path / "r", "--key-file", tmp_path / "k", "--byte-exact", *more)
    return source, tmp_path / "r", tmp_path / "k"


def test_at_its_place_each_has_its_own_file(twins, tmp_path):  # type: ignore[no-untyped-def]
    source, release, key = twins
    good("restore", release, tmp_path / "back", "--key-file", key)
    for name in ("a/0.png", "b/1.png", "b/2.png"):
        assert (tmp_path / "back" / name).read_bytes() == (source / name).read_bytes()


def test_renamed_or_loose_it_is_refused(twins, tmp_path):  # type: ignore[no-untyped-def]
    """Nothing tells whose file it was."""
    _, release, key = twins
    loose = tmp_path / "loose"
    loose.mkdir()
    shutil.copy(release / "b/1.png", loose / "x.png")
    message = refused(5, "restore", loose, tmp_path / "a", "--key-file", key, "--release", release)
    assert "look the same" in message
    (release / "b/1.png").rename(release / "b/renamed.png")
    code, said, _ = call("restore", release, tmp_path / "b", "--key-file", key, "--json")
    told = {Path(one["path"]).name for one in json.loads(said)["refused"]}
    assert (code, told) == (5, {"renamed.png", "1.png"})
    assert not list((tmp_path / "b").rglob("*1.png"))
    refused(5, "restore", release, tmp_path / "c", "--key-file", key, "--loose", "--only", "*renamed.png")
