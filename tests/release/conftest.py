"""A release of the newest format, with everything that it can have; tests spoil copies."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from helpers import crop
from PIL import Image
from releases import KEY, SIGNER

import ripguard
from ripguard.crypto.keys import UnitKeys
from ripguard.images.encoding import png_bytes
from ripguard.release.manifest import Release


@dataclass
class Made:
    """A source, its release, its key file, and a fresh folder."""

    source: Path
    root: Path
    key: Path
    place: Path

    def unit(self, label: str) -> UnitKeys:
        release = Release.open(self.root)
        (number,) = (i for i, one in enumerate(release.info["units"]) if one["label"] == label)
        return KEY.dataset(release.dataset_id).unit(number)

    def restore(self, name: str = "back", **options: object) -> Path:
        ripguard.restore(self.root, self.place / name, self.key, workers=1, **options)  # type: ignore[arg-type]
        return self.place / name


def class_folders(root: Path) -> Path:
    """Two classes without splits; PNG, JPEG, BMP, an array; two equal images; a text that names images, another."""
    for label in "ab":
        (root / label).mkdir(parents=True)
        for number in range(3):
            (root / label / f"{number}.png").write_bytes(png_bytes(crop(number + 10 * (label == "b"))))
        Image.fromarray(crop(30 + (label == "b"))).save(root / label / "photo.jpg", quality=90)
        (root / label / "same.png").write_bytes(png_bytes(crop(50, 3, 2)))
    Image.fromarray(crop(40)).save(root / "a/0.bmp")
    np.save(root / "b/array.npy", crop(41))
    (root / "names.csv").write_text("path,label\na/photo.jpg,a\nb/photo.jpg,b\na/1.png,a\n")
    (root / "notes.txt").write_text("nothing about images\n")
    return root


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("made")
    KEY.write(place / "k")
    SIGNER.write(place / "k.sign")
    ripguard.protect(
        class_folders(place / "my own source"), place / "r", place / "k", perturb="none", workers=1,
        contact="someone@example.org",
    )  # fmt: skip
    return place


@pytest.fixture
def made(made_once: Path, tmp_path: Path) -> Made:
    root = Path(shutil.copytree(made_once / "r", tmp_path / "r"))
    shutil.copy(made_once / "k", tmp_path / "k")
    return Made(made_once / "my own source", root, tmp_path / "k", tmp_path)
