"""Real images of real sizes: whole photographs, and a part of the real datasets where they are at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers import good

from ripguard.crypto.keys import Key
from ripguard.data.photos import photograph_files
from ripguard.data.source import Item, Source
from ripguard.release.plan import make_plan
from ripguard.release.prepare import prepare
from ripguard.release.protect import protect
from ripguard.release.verify import verify
from ripguard.schemes import SCHEMES


def test_whole_photographs(tmp_path):  # type: ignore[no-untyped-def]
    """Ten photographs from 300×451 to 1411×1411 pixels, from the Python interface, in this process."""
    files = photograph_files(tmp_path / "photographs")
    source = Source("photographs", [Item(f"train/{p.stem}/{p.name}", p, "train", p.stem) for p in files])
    plan = make_plan(source, SCHEMES["mrit"].with_options({"perturb": "none"}))
    key = Key.generate()
    done = protect(plan, prepare(plan), key, tmp_path / "release")
    assert (done.images, done.exact, done.in_residue_only) == (10, True, 0)
    assert verify(tmp_path / "release", key, source).equal_to_source == 10


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "more"),
    [("cifar10", ()), ("tinyimagenet", ("--byte-exact", "--scheme", "mrit-tap", "--surrogate-epochs", "2"))],
)
def test_real_datasets(tmp_path, name, more):  # type: ignore[no-untyped-def]
    """1,000 images with the real perturbation, from one command to the proof."""
    root = os.environ.get("RIPGUARD_DATA")
    if not root or not (Path(root) / "cifar10").is_dir():
        pytest.skip("RIPGUARD_DATA is not set, or holds no cifar10: the real data are not at hand")
    good("keygen", "--out", tmp_path / "k")
    with_key = ("--key-file", tmp_path / "k")
    made = good("protect", name, tmp_path / "r", *with_key, "--limit", "1000", *more)
    report = good("verify", tmp_path / "r", *with_key, "--against", name)
    assert (report["restored"], report["equal_to_source"]) == (1000, 1000)
    good("restore", tmp_path / "r", tmp_path / "back", *with_key)
    measured = good("report", tmp_path / "r", "--against", name, "--restored", tmp_path / "back")
    assert (measured["restored_equal"], made["residue_over_bound"]) == (1000, 0)
