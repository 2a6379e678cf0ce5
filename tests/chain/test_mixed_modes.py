"""Random images of random modes in one folder, and how often a plain image is decoded."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import crop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile
from releases import KEY

import ripguard
from ripguard._torchvision import torchvision
from ripguard.images.decoding import read_image
from ripguard.images.rendering import render

MODES = dict.fromkeys(("1", "L", "LA", "P", "RGB", "RGBA", "I;16"), "PNG") | {"CMYK": "TIFF", "F": "TIFF"}
SCHEMES: tuple[dict[str, Any], ...] = (
    {"perturb": "noise"},
    {"scheme": "seal", "perturb": "noise", "allow_residue": True},
    {"scheme": "privdl"},
)


def drawn(mode: str, height: int, width: int, orientation: int, seed: int) -> bytes:
    """A file of this mode with random samples."""
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 4)).astype(np.uint8)
    if mode == "I;16":
        image = Image.fromarray(values[:, :, 0].astype(np.uint16) * 200)
    elif mode == "F":
        image = Image.fromarray(values[:, :, 0].astype(np.float32) / 7)
    else:
        image = Image.fromarray(values[:, :, :3]).convert("RGB" if mode == "RGBA" else "L" if mode == "LA" else mode)
        if mode in ("RGBA", "LA"):
            image.putalpha(Image.fromarray(values[:, :, 3]))
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[274] = orientation
    image.save(buffer, MODES[mode], **({"exif": exif} if MODES[mode] == "PNG" else {}))
    return buffer.getvalue()


SAMPLES = st.tuples(
    st.sampled_from(sorted(MODES)), st.integers(1, 24), st.integers(1, 24), st.integers(1, 8), st.integers(0, 99)
)


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(SAMPLES, min_size=2, max_size=5), st.sampled_from(SCHEMES))
def test_round_trip(samples, options):  # type: ignore[no-untyped-def]
    """Of any sizes and modes together: back byte for byte, or in their samples; and the same as ImageFolder gives."""
    with tempfile.TemporaryDirectory() as folder:
        place, files = Path(folder), {}
        for number, (mode, *about) in enumerate(samples):
            files[f"{'ab'[number % 2]}/{number}.{MODES[mode].lower()}"] = drawn(mode, *about)
        for name, data in files.items():
            (place / "s" / name).parent.mkdir(parents=True, exist_ok=True)
            (place / "s" / name).write_bytes(data)
        KEY.write(place / "k")
        ripguard.protect(place / "s", place / "r", place / "k", workers=1, **options)
        assert ripguard.restore(place / "r", place / "back", place / "k", workers=1).refused == []
        for name, data in files.items():
            back = (place / "back" / name).read_bytes()
            assert back == data or np.array_equal(read_image(back), read_image(data)), name
        plain = torchvision.datasets.ImageFolder(str(place / "back"))
        for (found, label), (wanted, target) in zip(ripguard.ProtectedDataset(place / "r", place / "k"), plain):
            assert label == target
            np.testing.assert_array_equal(np.asarray(found), np.asarray(wanted))


def test_gray_palette_and_color_in_one_folder(tmp_path):  # type: ignore[no-untyped-def]
    """Gray images are tinted as ever, palettes too; each comes back in its own mode."""
    KEY.write(tmp_path / "k")
    for number, mode in enumerate(("L", "P", "RGB", "RGBA", "1", "LA") * 2):
        path = tmp_path / "s" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(crop(number, 16, 16)).convert("L" if mode == "LA" else mode).convert(mode).save(path)
    made = ripguard.protect(tmp_path / "s", tmp_path / "r", tmp_path / "k", workers=1)
    assert made.tinted
    ripguard.restore(tmp_path / "r", tmp_path / "back", tmp_path / "k", workers=1)
    for path in (tmp_path / "s").rglob("*.png"):
        with Image.open(path) as image, Image.open(tmp_path / "back" / path.relative_to(tmp_path / "s")) as back:
            assert back.mode == image.mode
            np.testing.assert_array_equal(np.asarray(back), np.asarray(image))


@pytest.mark.parametrize(("options", "times"), [
    ({}, (4, 2, 1)), ({"scheme": "seal"}, (5, 3, 2)), ({"byte_exact": True}, (3, 1, 1)),
])  # fmt: skip
def test_plain_images_are_decoded_once_a_step(options, times, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Planning (Pillow reads the metadata of a PNG twice), hiding, reading back; verifying with the source; loading.

    Under `seal` a stream of a codec is decoded as well.
    """
    KEY.write(tmp_path / "k")
    for number in range(4):
        path = tmp_path / "s" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(crop(number + 9)).save(path)
    count, prepare = [0], ImageFile.ImageFile.load_prepare

    def counted(image: ImageFile.ImageFile) -> None:
        count[0] += 1
        prepare(image)

    monkeypatch.setattr(ImageFile.ImageFile, "load_prepare", counted)

    def decodings() -> float:
        found, count[0] = count[0] / 4, 0
        return found

    ripguard.protect(tmp_path / "s", tmp_path / "r", tmp_path / "k", workers=1, perturb="none", **options)
    assert decodings() <= times[0]
    ripguard.verify(tmp_path / "r", tmp_path / "k", against=tmp_path / "s", workers=1)
    assert decodings() <= times[1]
    data = ripguard.ProtectedDataset(tmp_path / "r", tmp_path / "k")
    assert len([data[i] for i in range(4)]) == 4
    assert decodings() <= times[2]


def test_seal_keeps_whole_files_whatever_its_codecs_are(tmp_path):  # type: ignore[no-untyped-def]
    """--codecs without `file`; what exceeds four bit-planes goes to the residue, without an option."""
    KEY.write(tmp_path / "k")
    for label in "ab":
        (tmp_path / "s" / label).mkdir(parents=True)
        Image.fromarray(crop(1)).save(tmp_path / "s" / label / "0.png")
        (tmp_path / "s" / label / "1.png").write_bytes(drawn("RGBA", 40, 40, 6, 3))
    options = {"scheme": "seal", "perturb": "none", "coders": ("webp",), "workers": 1}
    made = ripguard.protect(tmp_path / "s", tmp_path / "r", tmp_path / "k", **options)
    assert made.residue_bytes > 0
    published = render((tmp_path / "r/a/1.png").read_bytes()).image
    clean = render((tmp_path / "s/a/1.png").read_bytes()).image
    assert np.abs(published.astype(int) - clean).max() < 2**4
    ripguard.restore(tmp_path / "r", tmp_path / "back", tmp_path / "k", workers=1)
    for path in (tmp_path / "s").rglob("1.png"):
        assert (tmp_path / "back" / path.relative_to(tmp_path / "s")).read_bytes() == path.read_bytes()
    assert render((tmp_path / "back/a/0.png").read_bytes()).exact


def test_a_loose_image_never_comes_back_as_its_rendering(tmp_path):  # type: ignore[no-untyped-def]
    """mRIT's images may need no residue; those that come back as files need their release all the same."""
    KEY.write(tmp_path / "k")
    for label in "ab":
        (tmp_path / "s" / label).mkdir(parents=True)
        flat = Image.fromarray(np.full((40, 40, 3), 90, np.uint8))
        flat.save(tmp_path / "s" / label / "flat.png")
        flat.quantize(4).save(tmp_path / "s" / label / "palette.png")
    ripguard.protect(tmp_path / "s", tmp_path / "r", tmp_path / "k", workers=1, perturb="none")
    (tmp_path / "loose").mkdir()
    for name in ("palette", "flat"):
        (tmp_path / "loose" / f"{name}.png").write_bytes((tmp_path / "r/a" / f"{name}.png").read_bytes())
    back = ripguard.restore(tmp_path / "loose", tmp_path / "back", tmp_path / "k", workers=1)
    assert back.restored == 1  # the flat one carries everything
    assert [one["code"] for one in back.refused] == ["needs-release"]
    ripguard.restore(tmp_path / "loose", tmp_path / "all", tmp_path / "k", release=tmp_path / "r", workers=1)
    file = (tmp_path / "s/a/palette.png").read_bytes()
    assert file in [path.read_bytes() for path in (tmp_path / "all").rglob("*.png")]
