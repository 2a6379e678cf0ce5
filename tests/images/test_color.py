"""Profiles: which count as sRGB, which are ignored."""

from __future__ import annotations

import made
import numpy as np
import pytest
from corpus import gray, photo
from PIL import Image, ImageCms

from ripguard.images import color
from ripguard.images.color import profile_transform, to_srgb

ADOBE = made.rgb_profile(made.ADOBE, 2.2)


def test_which_profiles_convert():
    """Those that move a color by more than two levels."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert profile_transform(srgb, "RGB") is None
    assert profile_transform(ADOBE, "RGB") is not None
    assert profile_transform(made.gray_profile(1.4), "L") is not None
    assert profile_transform(made.cmyk_profile(), "CMYK") is not None


@pytest.mark.parametrize("profile", [b"", b"x" * 200, ADOBE[:200], ADOBE[:-40], made.gray_profile(1.4), bytes(1000)])
def test_other_profiles_are_ignored(profile):  # type: ignore[no-untyped-def]
    image, moved = to_srgb(Image.fromarray(photo()), profile)
    np.testing.assert_array_equal(image, photo())
    assert not moved


def test_large_profiles_are_ignored(monkeypatch):  # type: ignore[no-untyped-def]
    monkeypatch.setattr(color, "MAX_PROFILE", len(ADOBE) - 1)
    assert not to_srgb(Image.fromarray(photo()), ADOBE)[1]


def test_gray_stays_gray():
    image, moved = to_srgb(Image.fromarray(gray()), made.gray_profile(1.4))
    assert moved
    assert image.shape == (40, 48, 1)


def test_white_and_black_stay():
    """Whatever the profile."""
    ends = Image.fromarray(np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8))
    for columns, gamma in ((made.ADOBE, 2.2), (made.P3, 1.8)):
        image, moved = to_srgb(ends, made.rgb_profile(columns, gamma))
        assert moved
        assert np.abs(image.astype(int) - np.asarray(ends)).max() <= 2
    ink = Image.fromarray(np.array([[[0, 0, 0, 0], [0, 0, 0, 255]]], np.uint8), "CMYK")
    for profile in (None, made.cmyk_profile()):
        assert to_srgb(ink, profile)[0].tolist() == [[[255, 255, 255], [0, 0, 0]]]
