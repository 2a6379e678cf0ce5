"""Files of every mode: published as 8-bit renderings, restored byte for byte, loaded as ImageFolder loads the source.

The corpus has files of all modes and containers; each is restored or refused, and nothing else happens to it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest
from corpus import Sample, corpus
from helpers import call, good
from PIL import Image
from releases import KEY

import ripguard
from ripguard._torchvision import torchvision
from ripguard.data.folder import folder
from ripguard.errors import InputRefused
from ripguard.images.decoding import read_image
from ripguard.images.rendering import render
from ripguard.release.manifest import Release
from ripguard.release.names import published_names

OPTIONS = {
    "mrit": {"perturb": "noise"},
    "seal": {"scheme": "seal", "perturb": "noise"},
    "privdl": {"scheme": "privdl"},
}
PUBLISHED = 48  # most gray levels, on average over an image, between the published one and the reference
GOOD = [one for one in corpus() if one.reference is not None]
REFUSED = [one for one in corpus() if one.reference is None]


@dataclass
class Made:
    """A release of the corpus, and what was restored from it."""

    source: Path
    root: Path
    back: Path
    key: Path
    scheme: str
    result: ripguard.release.protect.Protected  # type: ignore[name-defined]

    @cached_property
    def places(self) -> dict[str, str]:
        """Path in the release of each source image."""
        names = [item.name for item in folder(self.source).items]
        return dict(zip(names, published_names(names)))


def write(root: Path, samples: list[Sample]) -> Path:
    """A folder of two classes."""
    for number, one in enumerate(samples):
        path = root / "ab"[number % 2] / one.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(one.data)
    return root


@pytest.fixture(scope="module", params=OPTIONS)
def made(request, tmp_path_factory) -> Made:  # type: ignore[no-untyped-def]
    place = tmp_path_factory.mktemp("every")
    source = write(place / "source", GOOD)
    KEY.write(place / "k")
    result = ripguard.protect(source, place / "r", place / "k", workers=1, **OPTIONS[request.param])
    back = ripguard.restore(place / "r", place / "back", place / "k", workers=1)
    assert back.refused == []
    return Made(source, place / "r", place / "back", place / "k", request.param, result)


def named(samples: list[Sample]) -> dict[str, Sample]:
    return {f"{'ab'[number % 2]}/{one.name}": one for number, one in enumerate(samples)}


def test_every_file_is_back(made):  # type: ignore[no-untyped-def]
    """Byte for byte where 8 bits do not show all of it, otherwise in its samples; and none is missing."""
    assert made.result.images == len(GOOD)
    for name, one in named(GOOD).items():
        data = (made.back / name).read_bytes()
        if one.differs:
            assert data == one.data, name
        elif data != one.data:
            np.testing.assert_array_equal(read_image(data), render(one.data, name).image, err_msg=name)


def test_published_images_look_right(made):  # type: ignore[no-untyped-def]
    """Upright and of the size of the reference rendering, near it in every part; `privdl` moves its pixels."""
    for name, one in named(GOOD).items():
        shown, wanted = read_image(made.root / made.places[name]).astype(int), one.reference
        assert shown.shape[:2] == wanted.shape[:2], name
        if made.scheme == "privdl":
            shown, wanted = (np.sort(values, axis=None) for values in (shown, np.broadcast_to(wanted, shown.shape)))
        assert np.abs(shown - wanted).mean() < PUBLISHED, name


def test_counts(made):  # type: ignore[no-untyped-def]
    """Everything that a rendering does not show is counted by kind, and the release keeps just these files, once."""
    kinds = sorted(kind for one in GOOD for kind in one.differs)
    assert made.result.whole == {kind: kinds.count(kind) for kind in kinds}
    kept = {row["path"] for row in Release.open(made.root).rows if "bytes" in row}
    whole = {made.places[name] for name, one in named(GOOD).items() if one.differs}
    assert kept == (set() if made.scheme == "seal" else whole)


def test_verify(made, tmp_path):  # type: ignore[no-untyped-def]
    """Every file equals the source; a changed byte that no sample shows is found."""
    report = ripguard.verify(made.root, made.key, against=made.source, workers=1)
    assert report.ok
    assert report.equal_to_source == report.restored == len(GOOD)
    other = Path(shutil.copytree(made.source, tmp_path / "other"))
    name = next(name for name, one in named(GOOD).items() if one.differs and name.endswith(".jpg"))
    (other / name).write_bytes((other / name).read_bytes() + b"a byte that no sample shows")
    report = ripguard.verify(made.root, made.key, against=other, workers=1)
    assert report.differs == [made.places[name]]


@pytest.mark.filterwarnings("ignore")  # Pillow on palettes with alpha
def test_it_is_an_image_folder_of_the_originals(made):  # type: ignore[no-untyped-def]
    """In RGB, and in the modes of the files: the same images, under the same numbers of classes."""
    plain = torchvision.datasets.ImageFolder(str(made.back))
    rgb, own = (ripguard.ProtectedDataset(made.root, made.key, mode=mode) for mode in ("RGB", None))
    assert rgb.class_to_idx == plain.class_to_idx
    numbers = {path: number for number, path in enumerate(rgb.names)}
    compared = 0
    for path, target in plain.samples:
        number = numbers[made.places[Path(path).relative_to(made.back).as_posix()]]
        try:
            wanted = plain.loader(path)
        except OSError:  # it cannot read this one
            continue
        with open(path, "rb") as file, Image.open(file) as image:  # a path would be another way in Pillow
            image.load()
        found, label = rgb[number]
        assert label == target
        np.testing.assert_array_equal(np.asarray(found), np.asarray(wanted), err_msg=path)
        native = own[number][0]
        assert native.mode == image.mode, path
        np.testing.assert_array_equal(np.asarray(native), np.asarray(image), err_msg=path)
        compared += 1
    assert compared > 60


def test_refused_ones_are_named_or_left_out(made, tmp_path):  # type: ignore[no-untyped-def]
    """All of them at once, none besides; with ``on_error="skip"`` the others are protected."""
    mixed = GOOD[:4] + REFUSED
    source, names = write(tmp_path / "source", mixed), {n for n, one in named(mixed).items() if one.reference is None}
    assert {one["path"] for one in ripguard.check(source).refused} == names
    with pytest.raises(InputRefused, match=f"{len(names)} files are refused"):
        ripguard.protect(source, tmp_path / "no", made.key, workers=1, perturb="none")
    assert not (tmp_path / "no").exists()
    result = ripguard.protect(source, tmp_path / "r", made.key, workers=1, perturb="none", on_error="skip")
    assert set(result.skipped) == names
    assert result.images == 4


WITHOUT = """
import sys
sys.modules |= dict.fromkeys(("pillow_heif", "pillow_jxl", "pydicom"))
from ripguard.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_restoring_needs_no_decoder(made, tmp_path):  # type: ignore[no-untyped-def]
    """Files of formats whose libraries are missing come back, and are verified."""
    for words in (
        ("restore", made.root, tmp_path / "back", "--key-file", made.key, "--workers", "1"),
        ("verify", made.root, "--key-file", made.key, "--workers", "1"),
    ):
        done = subprocess.run([sys.executable, "-c", WITHOUT, *map(str, words)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    for name, one in named(GOOD).items():
        assert not one.differs or (tmp_path / "back" / name).read_bytes() == one.data, name


def test_said(tmp_path):  # type: ignore[no-untyped-def]
    """`check` and `protect` count what is restored as a file; nothing is dropped without a word."""
    KEY.write(tmp_path / "k")
    for label in "ab":
        place = tmp_path / "s" / label
        place.mkdir(parents=True)
        Image.new("RGBA", (9, 8), (9, 8, 7, 100)).save(place / "seen.png")
        frames = [Image.new("RGB", (9, 8), (color, 0, 0)) for color in (9, 200)]
        frames[0].save(place / "moving.webp", save_all=True, append_images=frames[1:])
    line = "restored as whole files: alpha in 2 images (published as 8-bit renderings), several frames in 2 images"
    assert line in call("check", tmp_path / "s")[1]
    code, out, _ = call("protect", tmp_path / "s", tmp_path / "r", "--key-file", tmp_path / "k", "--perturb", "none")
    assert code == 0
    assert line in out
    lossy = ("protect", tmp_path / "s", tmp_path / "l", "--key-file", tmp_path / "k", "--perturb", "none", "--lossy")
    assert "not kept: alpha in 2, several frames in 2 images (--lossy keeps no files)" in call(*lossy)[1]
    assert good("inspect", tmp_path / "r")["pictures"] == 4
