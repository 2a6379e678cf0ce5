"""What victims are asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import crop
from PIL import Image

import ripguard
from ripguard.benchmark.victims import read, seeds_of
from ripguard.errors import UsageError


def test_each_seed_once():
    assert seeds_of("0,2,0,1") == [0, 2, 1]


@pytest.mark.parametrize("words", ["", "1,", "one", "-1", "1000", "1.5"])
def test_no_seeds(words):  # type: ignore[no-untyped-def]
    """… those of restored images, which are set apart, among them."""
    with pytest.raises(UsageError, match="expected whole numbers from 0 to 999 joined by commas"):
        seeds_of(words)


def test_all_splits_have_one_order(tmp_path: Path):
    """Suffixes change the order of names: x.k.jpg is after x.jpg, and x.k.png before x.png."""
    for number, name in enumerate(("a/x.jpg", "a/x.k.jpg", "b/y.jpg")):
        (tmp_path / "s" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(crop(number)).save(tmp_path / "s" / name)
    ripguard.keygen(tmp_path / "k")
    ripguard.protect(tmp_path / "s", tmp_path / "protected", tmp_path / "k", perturb="none", workers=1)
    ripguard.restore(tmp_path / "protected", tmp_path / "restored", tmp_path / "k", workers=1)
    found = {name: read(name, str(tmp_path / "s"), tmp_path / name, "train") for name in ("protected", "restored")}
    found["clean"] = read("clean", str(tmp_path / "s"), tmp_path, "train")
    assert found["clean"].digest == found["restored"].digest
    apart = np.abs(found["clean"].images.astype(int) - found["protected"].images).mean(axis=(1, 2, 3))
    assert (apart < 5).all()  # image by image
