"""Surrogate files: read as they were written, and no more taken from a stranger's than it holds."""

from __future__ import annotations

import dataclasses
import errno
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import crop

from ripguard.errors import InputRefused, StorageError
from ripguard.perturb import surrogate
from ripguard.perturb.surrogate import Settings, Surrogate

NAMES = ["cat", "cup", "face"]
SETTINGS = Settings(widths=(4, 4, 8, 8), coarse=(4, 4, 4, 8))


def stored(**changes: Any) -> dict[str, Any]:
    """What a surrogate file holds, with changes."""
    torch.manual_seed(0)
    state = Surrogate(3, SETTINGS).state_dict()
    return {"state": state, "names": NAMES, "settings": dataclasses.asdict(SETTINGS)} | changes


def settings(**changes: Any) -> dict[str, Any]:
    return {"settings": dataclasses.asdict(SETTINGS) | changes}


def state(**changes: Any) -> dict[str, Any]:
    return {"state": stored()["state"] | {name.replace("__", "."): value for name, value in changes.items()}}


def test_as_it_was_written(tmp_path):  # type: ignore[no-untyped-def]
    """Weights, names and settings; also through a link."""
    torch.save(stored(), tmp_path / "s.pt")
    (tmp_path / "link.pt").symlink_to("s.pt")
    torch.manual_seed(0)
    model, images = surrogate.freeze(Surrogate(3, SETTINGS)), np.stack([crop(i) for i in range(3)])
    for name in ("s.pt", "link.pt"):
        again, names, found = surrogate.load(tmp_path / name)
        assert (names, found) == (NAMES, SETTINGS)
        assert all(not p.requires_grad and p.device.type == "cpu" for p in again.parameters())
        np.testing.assert_array_equal(surrogate.predict(again, images), surrogate.predict(model, images))


BIAS = torch.zeros(3)
HOSTILE = {
    "many names": (stored(names=["x"] * 65_537), "65,536 class names"),
    "no names": (stored(names=[]), "class names"),
    "a long name": (stored(names=["x" * 1001, "a", "b"]), "1,000 characters"),
    "numbers for names": (stored(names=[1, 2, 3]), "class names"),
    "a text for names": (stored(names="abc"), "class names"),
    "wide layers": (stored(**settings(widths=(1, 1, 1, 1 << 30))), "widths"),
    "wide coarse layers": (stored(**settings(coarse=(1, 1, 1, 1 << 30))), "widths"),
    "three widths": (stored(**settings(widths=(4, 4, 4))), "widths"),
    "negative widths": (stored(**settings(widths=(4, 4, 4, -4))), "widths"),
    "a huge side": (stored(**settings(side=1 << 40)), "side"),
    "a text for the side": (stored(**settings(side="32")), "side"),
    "an unknown setting": (stored(**settings(more=1)), "KeyError"),
    "not a number": (stored(**state(heads__0__bias=BIAS * float("nan"))), "not finite"),
    "endless": (stored(**state(heads__0__bias=BIAS + float("inf"))), "not finite"),
    "a list for weights": (stored(**state(heads__0__bias=[0.0, 0.0, 0.0])), "heads.0.bias"),
    "doubles": (stored(**state(heads__0__bias=BIAS.double())), "heads.0.bias"),
    "another shape": (stored(**state(heads__0__bias=torch.zeros(4))), "heads.0.bias"),
    "repeated values": (stored(**state(heads__0__bias=torch.zeros(1).expand(3))), "repeated"),
    "sparse weights": (stored(**state(heads__0__bias=BIAS.to_sparse())), "heads.0.bias"),
    "more weights": (stored(**state(more=BIAS)), "another model"),
    "no weights": (stored(state=None), "another model"),
    "nothing": ([], "TypeError"),
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_other_files_are_refused(name, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """By name, and before memory is spent on a model as large as they say."""
    content, words = HOSTILE[name]
    torch.save(content, tmp_path / "s.pt")
    taken, empty = [], torch.empty

    def watched(*sizes, **options):  # type: ignore[no-untyped-def]
        taken.append(empty(*sizes, **options))
        return taken[-1]

    monkeypatch.setattr(torch, "empty", watched)
    with pytest.raises(InputRefused, match="is not a surrogate file") as caught:
        surrogate.load(tmp_path / "s.pt")
    assert words in str(caught.value)
    assert all(one.device.type == "meta" or one.numel() < 10_000 for one in taken)


def test_no_more_comes_out_than_stands_in_the_file(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Compressed records, many plain values, many records, a large file, and what is no zip file at all."""
    path = tmp_path / "s.pt"
    torch.save(stored(), path)
    with zipfile.ZipFile(path) as before:
        records = {name: before.read(name) for name in before.namelist()}
    with zipfile.ZipFile(tmp_path / "small.pt", "w", zipfile.ZIP_DEFLATED) as after:
        for name, data in records.items():
            after.writestr(name, data)
    torch.save(stored(), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    (tmp_path / "junk.pt").write_bytes(b"junk")
    monkeypatch.setattr(torch, "load", None)
    for name, words in (("small", "compressed"), ("old", "BadZipFile"), ("junk", "BadZipFile")):
        with pytest.raises(InputRefused, match=words):
            surrogate.load(tmp_path / f"{name}.pt")
    torch.save(stored(names=[f"{i:0900}" for i in range(80)]), path)
    for limit, value, words in (("PLAIN", 60_000, "plain values"), ("PLAIN", 900, "many"), ("LARGEST", 9, "than 9")):
        with monkeypatch.context() as patch:
            patch.setattr(surrogate.file, limit, value)
            with pytest.raises(InputRefused, match=words):
                surrogate.load(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names")
def test_only_regular_files_are_opened(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """A pipe is not waited for; what cannot be read just now is a matter of storage."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(InputRefused, match="not a regular file"):
            surrogate.load(path)
    with pytest.raises(InputRefused, match="there is no surrogate file"):
        surrogate.load(tmp_path / "nowhere")

    def failing(*_, **__):  # type: ignore[no-untyped-def]
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    torch.save(stored(), tmp_path / "s.pt")
    monkeypatch.setattr(os, "open", failing)
    with pytest.raises(StorageError, match="cannot be read"):
        surrogate.load(tmp_path / "s.pt")
