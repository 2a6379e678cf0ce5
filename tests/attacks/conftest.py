"""Releases of every kind, made once through the command line; attacks work on copies of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import crop, good
from metadata import parts
from PIL import Image
from releases import golden, sign

from ripguard.crypto.keys import Key
from ripguard.crypto.signing import SigningKey
from ripguard.images.encoding import png_bytes

KINDS: dict[str, tuple[str, ...]] = {
    "mrit": (),
    "bytes": ("--byte-exact",),
    "seal": ("--scheme", "seal", "--allow-residue", "--coders", "webp,raw"),
    "sealbytes": ("--scheme", "seal", "--allow-residue", "--byte-exact"),
}
SIGNER = SigningKey(bytes(range(32, 64)))
LIGHT = ("--perturb", "none", "--workers", "1")


class Field:
    """A source, a key, releases of all kinds, and what each of them restores to.

    The key is always the same one, so that all bytes are: what fails in a mutated release fails there again.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.key = root, root / "k"
        self.source = root / "source"
        index = 0
        for split, count in (("train", 3), ("test", 1)):
            for label in ("cat", "cup", "face"):
                (self.source / split / label).mkdir(parents=True)
                for number in range(count):
                    (self.source / split / label / f"{number}.png").write_bytes(png_bytes(crop(index)))
                    index += 1
        extra = self.source / "train/cat"
        Image.fromarray(crop(101)).save(extra / "a.jpg", quality=90)
        (extra / "grey.png").write_bytes(png_bytes(crop(102)[:, :, :1]))
        (extra / "odd.png").write_bytes(png_bytes(crop(103, 13, 21)))
        (extra / "tiny.png").write_bytes(png_bytes(crop(104, 3, 2)))
        (self.source / "labels.csv").write_text("path,label\n")
        Key(bytes(range(32))).write(self.key)
        SIGNER.write(root / "k.sign")
        for kind, options in KINDS.items():
            self.make(kind, *options)

    def make(self, kind: str, *options: str) -> None:
        good("protect", self.source, self.release(kind), "--key-file", self.key, *LIGHT, *options)
        good("restore", self.release(kind), self.restored(kind), "--key-file", self.key, "--workers", "1")

    def release(self, kind: str) -> Path:
        return self.root / kind

    def old(self, name: str, place: Path) -> Path:
        """A golden release of format v1, to spoil: under the same key, and signed by the same signer."""
        return sign(golden(name, place), SIGNER)

    def restored(self, kind: str) -> Path:
        return self.root / f"{kind}.back"


@pytest.fixture(scope="session")
def field(tmp_path_factory: pytest.TempPathFactory) -> Field:
    return Field(tmp_path_factory.mktemp("field"))


@pytest.fixture
def copied(field: Field, tmp_path: Path) -> Callable[[str], Path]:
    """A fresh copy of the release of a kind, to spoil."""

    def copy(kind: str = "mrit") -> Path:
        shutil.rmtree(tmp_path / "release", ignore_errors=True)
        return Path(shutil.copytree(field.release(kind), tmp_path / "release", symlinks=True))

    return copy


@pytest.fixture(scope="session")
def fitted(field: Field) -> str:
    """The kind of a release that has a model, of which none of its images is in need."""
    from ripguard.hide.seal import model

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "ENOUGH", 0)
        patch.setattr(model, "CHEAP", 0.0)
        field.make("fitted", "--scheme", "seal", "--allow-residue", "--coder-steps", "10")
    assert "model.bin" in parts(field.root / "fitted")
    return "fitted"
