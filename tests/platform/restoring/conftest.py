"""A small release of real images, CIFAR-10 where it is at hand, and processes that restore it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from helpers import crop

import ripguard
from ripguard.crypto.keys import Key
from ripguard.images.encoding import png_bytes
from ripguard.platform.restoring.pool import Pool

CLASSES, EACH = 3, 8


@dataclass(frozen=True)
class Released:
    """A release, its key, and what belongs together.

    Attributes:
        published: bytes of each protected image by its path in the release.
        restored: bytes of the file that `ripguard restore` writes for it.
    """

    root: Path
    key: Key
    published: dict[str, bytes]
    restored: dict[str, bytes]


def source(root: Path) -> Path:
    """CIFAR-10 images, or crops of photographs of that size where RIPGUARD_DATA has none."""
    data = Path(os.environ.get("RIPGUARD_DATA", "none")) / "cifar10/train"
    classes = sorted(one.name for one in data.iterdir())[:CLASSES] if data.is_dir() else ["cat", "cup", "face"]
    for number, label in enumerate(classes):
        (root / "train" / label).mkdir(parents=True)
        if data.is_dir():
            for file in sorted((data / label).iterdir())[:EACH]:
                shutil.copy(file, root / "train" / label)
        else:
            for index in range(EACH):
                (root / "train" / label / f"{index}.png").write_bytes(png_bytes(crop(EACH * number + index)))
    return root


def release(place: Path, **options: object) -> Released:
    key = Key(bytes(range(32)))
    key.write(place / "k")
    root = place / "release"
    ripguard.protect(source(place / "source"), root, place / "k", workers=1, **options)  # type: ignore[arg-type]
    ripguard.restore(root, place / "back", place / "k", workers=1)
    rows = ripguard.release.manifest.Release.open(root)  # type: ignore[attr-defined]
    published, restored = {}, {}
    for row in rows.rows:
        path = row["path"]
        published[path] = (root / path).read_bytes()
        restored[path] = (place / "back" / rows.source_path(row, key)).read_bytes()
    return Released(root, key, published, restored)


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Released:
    """Restored to samples; the images need their residue."""
    return release(tmp_path_factory.mktemp("upload"), scheme="mrit", perturb="none")


@pytest.fixture(scope="session")
def preserved(tmp_path_factory: pytest.TempPathFactory) -> Released:
    """Restored to the files of the source, byte for byte."""
    return release(tmp_path_factory.mktemp("upload"), scheme="mrit", perturb="none", byte_exact=True)


@pytest.fixture(scope="session")
def shared_pool(released: Released) -> Iterator[Pool]:
    """Two processes that tests leave as they are."""
    with Pool(released.root, released.key, 2) as pool:
        yield pool
