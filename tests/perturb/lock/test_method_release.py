"""Scheme `lock` on the command line: mixed images, all back bit for bit; another key and tampering are refused."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from helpers import flip_bit, good, make_source, refused, tree_digest

from ripguard.errors import UsageError
from ripguard.methods.params import DataStats
from ripguard.perturb.lock.method import FORMS
from ripguard.schemes.presets import SCHEMES
from ripguard.schemes.stored import label


@pytest.mark.numeric
@pytest.mark.parametrize("form", FORMS)
def test_round_trip(form, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Gray, odd, tiny and JPEG images; a second release is fitted from the cache to the same images."""
    monkeypatch.setenv("RIPGUARD_CACHE", str(tmp_path / "cache"))
    source, key, out = make_source(tmp_path / "source"), tmp_path / "k", tmp_path / "out"
    good("keygen", "--out", key)
    how = ("--scheme", "lock", "--form", form, "--lock-rounds", "1", "--allow-residue", "--workers", "1")
    made = good("protect", source, out, "--key-file", key, *how)
    found = good("verify", out, "--key-file", key, "--source", source)
    assert found["equal_to_source"] == made["pictures"] == 30
    assert len(list((tmp_path / "cache" / "fitted").iterdir())) == 1
    monkeypatch.setattr("ripguard.perturb.lock.method.Lock.fit", None)  # the cache must do
    again = good("protect", source, tmp_path / "again", "--key-file", key, *how)
    assert again["pictures"] == made["pictures"]
    assert tree_digest(tmp_path / "again" / "train") == tree_digest(out / "train")


@pytest.mark.numeric
def test_refused(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Another key, and a changed payload."""
    monkeypatch.setenv("RIPGUARD_CACHE", str(tmp_path / "cache"))
    source, out = make_source(tmp_path / "source"), tmp_path / "out"
    for name in ("k", "other"):
        good("keygen", "--out", tmp_path / name)
    how = ("--scheme", "lock", "--lock-rounds", "1", "--allow-residue", "--workers", "1")
    good("protect", source, out, "--key-file", tmp_path / "k", *how)
    refused(4, "restore", out, tmp_path / "back", "--key-file", tmp_path / "other")
    shutil.copytree(out, tmp_path / "changed")
    flip_bit(tmp_path / "changed" / "train" / "cup" / "0.png", bit=0)
    refused(5, "restore", tmp_path / "changed", tmp_path / "back", "--key-file", tmp_path / "k")


def test_options():
    """`--form` is the name on the command line and in Python; others are refused."""
    assert SCHEMES["lock"].with_options({"form": "iresnet"}).given("transform") == "iresnet"
    scheme = SCHEMES["lock"].with_options({"form": "iresnet", "eps": 0.1}).resolve(DataStats(32, 10))
    assert label(scheme.to_json()) == "lock, ε 0.1, iresnet"
    with pytest.raises(UsageError, match="--form: expected one of linear, iresnet"):
        SCHEMES["lock"].with_options({"form": "quadratic"})
    with pytest.raises(UsageError, match="--eps: expected more than 0"):
        SCHEMES["lock"].with_options({"eps": 0.0})


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["photos", "cifar10", "tinyimagenet"])
def test_real_datasets(name, form, tmp_path):  # type: ignore[no-untyped-def]
    """A part of each, from one command to the proof; nothing needs the residue."""
    root = os.environ.get("RIPGUARD_DATA")
    if name != "photos" and (not root or not (Path(root) / "cifar10").is_dir()):
        pytest.skip("RIPGUARD_DATA is not set, or holds no cifar10: the real data are not at hand")
    good("keygen", "--out", tmp_path / "k")
    how = ("--key-file", tmp_path / "k", "--limit", "120", "--scheme", "lock", "--form", form, "--lock-rounds", "1")
    made = good("protect", name, tmp_path / "r", *how)
    report = good("verify", tmp_path / "r", "--key-file", tmp_path / "k", "--source", name)
    assert (report["restored"], report["equal_to_source"]) == (120, 120)
    assert made["residue_over_bound"] == 0
