"""The limit of pixels: an option of every command that decodes images, and of the functions."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import crop, good, refused
from PIL import Image
from releases import KEY

import ripguard
from ripguard.images.limits import VARIABLE


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:  # type: ignore[no-untyped-def]
    """A source and its release, of images of 400 pixels, where 300 are the limit."""
    KEY.write(tmp_path / "k")
    for label in "ab":
        (tmp_path / "s" / label).mkdir(parents=True)
        for i in range(10):
            image = Image.fromarray(crop(i + 10 * (label == "b"), 20, 20))
            if i == 1:
                image = image.convert("RGBA")
                image.putalpha(99)
            image.save(tmp_path / "s" / label / f"{i}.png")
    monkeypatch.setenv(VARIABLE, "300")
    ripguard.protect(tmp_path / "s", tmp_path / "r", tmp_path / "k", perturb="none", workers=2, max_pixels=400)
    return tmp_path


def test_every_command(place):  # type: ignore[no-untyped-def]
    """Without the option a sentence names it, with it the command works, also in worker processes."""
    key, release, source = ("--key-file", place / "k"), place / "r", ("--source", place / "s")
    image = release / "a/0.png"
    commands = [
        ("check", place / "s"),
        ("protect", place / "s", place / "again", *key, "--perturb", "none", "--workers", "1"),
        ("restore", release, place / "back", *key, "--workers", "2"),
        ("verify", release, *key, *source, "--workers", "2"),
        ("inspect", release),
        ("inspect", image),
        ("report", release, *source, "--restored", place / "back", "--workers", "1"),
    ]
    for command in commands:
        said = refused(3, *command) if command[0] != "check" else ""
        assert "--max-pixels" in said or command[0] == "check", command
        good(*command, "--max-pixels", "400")
    checked = ripguard.check(place / "s")
    assert len(checked.refused) == 20
    assert all("--max-pixels" in one["hint"] for one in checked.refused)
    assert (place / "back/a/1.png").read_bytes() == (place / "s/a/1.png").read_bytes()


def test_values(place):  # type: ignore[no-untyped-def]
    for value in ("0", "-1", "x", "99999999999999"):
        refused(2, "check", place / "s", "--max-pixels", value)
    with pytest.raises(ripguard.RipguardError, match="max_pixels"):
        ripguard.check(place / "s", max_pixels=0)


@pytest.mark.slow
def test_training_and_evaluation(place):  # type: ignore[no-untyped-def]
    """The commands that train read images as well."""
    more, key = ("--epochs", "1", "--protocol", "smoke"), ("--key-file", place / "k")
    for command in (
        ("train", place / "r", *key, "--out", place / "model.pt", *more),
        ("evaluate", place / "r", "--source", place / "s", *more),
    ):
        assert "--max-pixels" in refused(3, *command)
        good(*command, "--max-pixels", "400")
