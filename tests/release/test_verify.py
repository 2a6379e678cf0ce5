"""What `verify --source` takes for equal."""

from __future__ import annotations

import numpy as np
import pytest
from corpus import corpus

from ripguard.data.source import Item
from ripguard.images.decoding import read_image
from ripguard.images.rendering import render
from ripguard.release.restorer import RestoredImage
from ripguard.release.verify import _equals

SAMPLES = {sample.name: sample.data for sample in corpus()}


@pytest.mark.parametrize("name", ["icc-adobe.png", "alpha-in-padding.bmp"])
def test_samples_that_older_versions_protected(name, tmp_path):  # type: ignore[no-untyped-def]
    """They did not look at profiles and padding: their releases have the samples of such files, and no file."""
    (tmp_path / name).write_bytes(SAMPLES[name])
    item, clean = Item(name, tmp_path / name, "", "a"), read_image(SAMPLES[name])
    assert not render(SAMPLES[name], name).exact
    assert _equals(RestoredImage(name, clean=clean), item)
    assert not _equals(RestoredImage(name, clean=np.flip(clean, 1)), item)
    assert not _equals(RestoredImage(name, clean=clean, file=(name, b"other")), item)
    assert _equals(RestoredImage(name, clean=None, file=(name, SAMPLES[name])), item)
