"""Which images of a release are shown."""

from __future__ import annotations

import numpy as np
from helpers import good, make_source

from ripguard.benchmark.grid import samples
from ripguard.data.registry import open_source
from ripguard.images.decoding import read_image


def test_training_images_are_shown(tmp_path):  # type: ignore[no-untyped-def]
    """The first of each class, though `test` comes before `train`; the difference is four times as large."""
    source = make_source(tmp_path / "s")
    good("keygen", "--out", tmp_path / "k")
    good("protect", source, tmp_path / "r", "--key-file", tmp_path / "k", "--eps", "0.06", "--workers", "1")
    shown = samples(tmp_path / "r", open_source(str(source)), None, 2)
    assert list(shown) == ["cat", "cup"]
    for label, (clean, protected, difference) in shown.items():
        first = min((source / "train" / label).iterdir())
        np.testing.assert_array_equal(clean, read_image(first))
        assert protected.shape == clean.shape
        np.testing.assert_array_equal(difference, np.clip(np.abs(protected.astype(int) - clean) * 4, 0, 255))
