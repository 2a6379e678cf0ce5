"""The source `demo`: ten classes of recognizable images, their splits from disjoint regions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import tree_digest

from ripguard.data import demo
from ripguard.data.registry import open_source
from ripguard.images.decoding import read_image


def test_regions_are_disjoint_and_inside():
    """No pixel of a photograph is in a training image and in a test image."""
    for own in demo.PHOTOGRAPHS.values():
        seen = np.zeros(demo.photograph(own.name).shape[:2], int)
        for number, regions in enumerate((own.train, own.test), 1):
            for left, top, right, bottom in regions:
                assert 0 <= left < right <= seen.shape[1]
                assert 0 <= top < bottom <= seen.shape[0]
                seen[top:bottom, left:right] |= number
        assert set(np.unique(seen)) - {0} == {1, 2}


def test_parts_stay_in_their_regions():
    """Of a photograph that is gray in its regions and white outside, every part is gray; the first is the middle."""
    regions = ((10, 20, 210, 320), (300, 0, 400, 90))
    whole = np.full((330, 410, 3), 255, np.uint8)
    for left, top, right, bottom in regions:
        whole[top:bottom, left:right] = np.linspace(40, 120, right - left).astype(np.uint8)[:, None]
    found = list(demo.parts(whole, regions, 40, 0.2, np.random.default_rng(0)))
    assert {part.shape for part in found} == {(96, 96, 3)}
    assert max(int(part.max()) for part in found) <= 125  # resizing overshoots a little
    assert len({part.tobytes() for part in found}) > 30
    assert abs(float(found[0].mean()) - 80) < 2
    assert found[0][:, 0].mean() < found[0][:, -1].mean()  # not mirrored
    assert any(part[:, 0].mean() > part[:, -1].mean() for part in found)


def test_the_source_is_repeatable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(demo, "TRAIN", 3)
    monkeypatch.setattr(demo, "TEST", 1)
    digests = []
    for place in (tmp_path / "a", tmp_path / "b"):
        monkeypatch.setenv("RIPGUARD_CACHE", str(place))
        source = open_source("demo")
        assert (source.name, len(source.labels), len(source.items)) == ("demo", 10, 40)
        assert {read_image(item.path).shape for item in source.items if item.path} == {(96, 96, 3)}
        digests.append(tree_digest(source.roots[0]))
    assert digests[0] == digests[1]
