"""Every image file is rendered as it looks: upright, in sRGB, on white, in 8 bits; or refused."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
from corpus import Sample, corpus, exif, photo, saved, stored
from PIL import Image

from ripguard.errors import InputRefused
from ripguard.images.decoding import file_suffix, metadata, read_image, samples_claimed, size_of_image
from ripguard.images.kinds import KINDS
from ripguard.images.metadata import BEHIND
from ripguard.images.rendering import DecoderMissing, Rendering, as_pil, render, render_again

SHOWN = [sample for sample in corpus() if sample.reference is not None]
CUTS = (0.03, 0.2, 0.5, 0.8, 0.97)


def by_name(name: str) -> Sample:
    return next(sample for sample in corpus() if sample.name == name)


def distance(image: np.ndarray, reference: np.ndarray) -> int:
    assert image.shape == reference.shape
    return int(np.abs(image.astype(int) - reference).max())


def test_the_corpus_is_large():
    assert len(SHOWN) >= 200
    assert {kind for sample in SHOWN for kind in sample.differs} >= set(KINDS) - {"HSV", "other maximum"}


@pytest.mark.parametrize("sample", SHOWN, ids=lambda sample: sample.name)
def test_every_sample_looks_right(sample):  # type: ignore[no-untyped-def]
    """Upright, right colors, right channels; what is lost is named, in one order."""
    found = render(sample.data, sample.name)
    assert found.image.dtype == np.uint8
    assert found.image.flags.c_contiguous
    assert distance(found.image, sample.reference) <= sample.tolerance
    assert set(found.differs) == set(sample.differs)
    assert found.differs == tuple(sorted(found.differs, key=KINDS.index))
    assert found.exact == (not sample.differs)


@pytest.mark.parametrize("sample", [one for one in corpus() if one.reference is None], ids=lambda one: one.name)
def test_the_others_are_refused(sample):  # type: ignore[no-untyped-def]
    with pytest.raises(InputRefused, match=sample.name):
        render(sample.data, sample.name)


def test_without_a_name_all_is_the_same():
    """Restored files have none."""
    for sample in SHOWN:
        found, named = render(sample.data), render(sample.data, sample.name)
        np.testing.assert_array_equal(found.image, named.image, sample.name)
        assert found.differs == named.differs


@pytest.mark.parametrize("sample", [one for one in SHOWN if not one.differs], ids=lambda sample: sample.name)
def test_exact_files_are_rendered_again_as_before(sample):  # type: ignore[no-untyped-def]
    """The second time a file is read, less is looked for, and the image is the same."""
    again, before = render_again(sample.data, sample.name), render(sample.data, sample.name).image
    assert again.dtype == np.uint8
    assert again.flags.c_contiguous
    assert np.array_equal(again, before)


def test_rendering_again_keeps_the_limits(monkeypatch):  # type: ignore[no-untyped-def]
    """A file is refused by its size or its damage, the second time as the first."""
    data = saved(photo(), "PNG")
    with pytest.raises(InputRefused, match="not a readable PNG"):
        render_again(data[: len(data) // 2])
    monkeypatch.setenv("RIPGUARD_MAX_PIXELS", "10")
    with pytest.raises(InputRefused, match="more than 10 pixels"):
        render_again(data)


def test_exact_files_have_the_same_samples():
    """What `read_image` accepts, `render` gives with the same samples, unless there is more in the file."""
    read = 0
    for sample in SHOWN:
        try:
            exact = read_image(sample.data, sample.name)
        except InputRefused:
            continue
        found = render(sample.data, sample.name)
        assert set(found.differs) <= {"ICC profile", "alpha", "several frames"}, sample.name
        if "ICC profile" not in found.differs:
            np.testing.assert_array_equal(found.image, exact, sample.name)
        read += 1
    assert read > 40


def test_truncated_files():
    """Refused, or rendered as the whole file is; no other error."""
    for sample in SHOWN:
        for part in CUTS:
            data = sample.data[: int(len(sample.data) * part)]
            for function in (render, metadata, file_suffix, samples_claimed, size_of_image, as_pil):
                try:
                    found = function(data)
                except InputRefused:
                    continue
                if isinstance(found, Rendering):
                    assert distance(found.image, sample.reference) <= sample.tolerance, (sample.name, part)


def test_changed_bytes():
    """Refused, or rendered somehow; no other error."""
    draw = np.random.default_rng(0)
    for sample in SHOWN:
        data = np.frombuffer(sample.data, np.uint8).copy()
        data[draw.integers(0, min(len(data), 300), 4)] = draw.integers(0, 256, 4)
        for function in (render, metadata, samples_claimed, as_pil):
            try:
                function(data.tobytes())
            except InputRefused:
                continue


def test_sizes_by_headers():
    """As rendered, or exchanged by an EXIF orientation; samples are claimed; suffixes are those of formats."""
    for sample in SHOWN:
        height, width = sample.reference.shape[:2]
        assert size_of_image(sample.data) in ((width, height), (height, width))
        assert samples_claimed(sample.data) >= width * height
        assert file_suffix(sample.data).startswith(".")
        assert isinstance(metadata(sample.data), tuple)
    suffixes = {"two.mpo": ".jpg", "rgb.heic": ".heic", "gray.j2k": ".j2k", "rgb.jp2": ".jp2", "8-bit.dcm": ".dcm"}
    assert {name: file_suffix(by_name(name).data) for name in suffixes} == suffixes


def test_another_size_is_refused():
    """The expected size is that of the upright rendering."""
    for name in ("turned-6.jpg", "turned-6.png", "rgb.npy", "13-bands-16-bit.tif", "8-bit.dcm", "rgb.pam", "rgb.jxl"):
        sample = by_name(name)
        assert render(sample.data, name, expected=(40, 48, 3)).image.shape[:2] == (40, 48)
        with pytest.raises(InputRefused, match="expected an image of 40×48"):
            render(sample.data, name, expected=(48, 40, 3))


def test_a_film_behind_the_image_is_counted():
    """It is lost where only samples are restored."""
    assert BEHIND in metadata(by_name("motion.jpg").data)
    assert BEHIND not in metadata(by_name("fine.jpg").data + bytes(15))
    for name in ("fine.jpg", "progressive.jfif", "gray.jpe", "turned-6.jpg"):
        assert BEHIND not in metadata(by_name(name).data)


@pytest.mark.filterwarnings("ignore:Palette images with Transparency")
def test_pillow_images_are_as_pillow_opens_them():
    """Mode and pixels of every file that Pillow opens by its own; the rendering of the others."""
    opened = 0
    for sample in SHOWN:
        found = as_pil(sample.data, sample.name)
        try:
            with Image.open(io.BytesIO(sample.data)) as image:
                image.load()
                assert (found.mode, found.size) == (image.mode, image.size)
                assert found.tobytes() == image.tobytes()
                assert found.convert("RGB").tobytes() == image.convert("RGB").tobytes()
                opened += 1
        except (OSError, ValueError):
            assert found.size == sample.reference.shape[1::-1]
    assert opened > 150


MISSING = """
import sys
for name in {names!r}:
    sys.modules[name] = None
from ripguard.images.rendering import DecoderMissing, as_pil, render
from ripguard.images.decoding import file_suffix
data = sys.stdin.buffer.read()
for function in (render, as_pil):
    try:
        function(data, "somewhere.x")
    except DecoderMissing as error:
        print(error.message, "|", error.hint)
print(file_suffix(data))
"""


@pytest.mark.parametrize(
    ("name", "module", "words"),
    [
        ("rgb.heic", "pillow_heif", "a HEIC image, and its decoder is not installed"),
        ("rgb.jxl", "pillow_jxl", "a JPEG XL image, and its decoder is not installed"),
        ("8-bit.dcm", "pydicom", "a DICOM image, and its decoder is not installed"),
    ],
)
def test_missing_decoders(name, module, words):  # type: ignore[no-untyped-def]
    """One sentence, and what to install; the suffix needs no decoder."""
    code = MISSING.format(names=(module,))
    done = subprocess.run([sys.executable, "-c", code], input=by_name(name).data, capture_output=True, check=True)
    lines = done.stdout.decode().splitlines()
    assert len(lines) == 3
    assert words in lines[0]
    assert 'pip install "ripguard[' in lines[0]
    assert lines[1] == lines[0]
    assert lines[2] == f".{name.rpartition('.')[2]}"


def test_a_pillow_without_a_format(monkeypatch):  # type: ignore[no-untyped-def]
    monkeypatch.setattr("PIL.features.check", lambda _: False)
    with pytest.raises(DecoderMissing, match=r"an AVIF image.*\n.*Pillow"):
        render(by_name("rgb.avif").data)


def test_several_kinds_at_once():
    """Several rules at once."""
    two = {"save_all": True, "append_images": [Image.fromarray(stored(photo(1), 6))]}
    data = saved(stored(photo(), 6), "PNG", exif=exif(6), transparency=(1, 2, 3), **two)
    found = render(data)
    assert found.differs == ("several frames", "EXIF orientation", "transparent color")
    np.testing.assert_array_equal(found.image, photo())
