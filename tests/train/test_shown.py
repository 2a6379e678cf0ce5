"""A restored file as loaders show it, for files whose release does not say what their modes are."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from corpus import corpus
from PIL import Image

from ripguard.images.rendering import render
from ripguard.release.restorer import RestoredImage
from ripguard.train.shown import as_loaded, samples

ROOT = Path(__file__).resolve().parents[2]
GOOD = [one for one in corpus() if one.reference is not None]


@pytest.mark.filterwarnings("ignore")
def test_every_file_opens_as_itself():
    """With --preserve-files, a file is decoded again only if its header says that it holds more than 8-bit samples."""
    compared = 0
    for one in GOOD:
        restored = RestoredImage(one.name, render(one.data, one.name).image, (one.name, one.data), rendered=None)
        try:
            with Image.open(io.BytesIO(one.data)) as image:
                image.load()
        except (OSError, ValueError):  # arrays and others that Pillow alone does not open
            continue
        found = as_loaded(restored)
        assert found.mode == image.mode, one.name
        np.testing.assert_array_equal(np.asarray(found), np.asarray(image), err_msg=one.name)
        compared += 1
    assert compared > 100


WITHOUT = """
import sys
sys.modules["pillow_heif"] = None
from pathlib import Path
from ripguard.errors import MissingExtra
from ripguard.release.restorer import RestoredImage
from ripguard.train.shown import as_loaded, samples
file = Path(sys.argv[1])
one = RestoredImage("x.heic", None, (file.name, file.read_bytes()), rendered=True)
for shown in (as_loaded, samples):
    try:
        shown(one)
    except MissingExtra as error:
        print(error.hint)
"""


def test_without_the_decoder(tmp_path):  # type: ignore[no-untyped-def]
    """The error has the command that installs it."""
    (tmp_path / "x.heic").write_bytes(next(one.data for one in GOOD if one.name.endswith(".heic")))
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(tmp_path / "x.heic")], capture_output=True, text=True, cwd=ROOT
    )
    assert done.stdout.splitlines() == ['pip install "ripguard[heic]"'] * 2, done.stderr


def test_samples_are_those_that_were_restored():
    one = GOOD[0]
    clean = render(one.data, one.name).image
    assert samples(RestoredImage(one.name, clean)) is clean
