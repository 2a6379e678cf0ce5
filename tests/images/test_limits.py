"""The limit of pixels: an option, inherited by processes."""

from __future__ import annotations

import os
import subprocess
import sys

import made
import numpy as np
import pytest
from corpus import photo, saved
from PIL import Image

from ripguard.errors import InputRefused, UsageError
from ripguard.images.decoding import read_image
from ripguard.images.formats import recognized
from ripguard.images.limits import DEFAULT_PIXELS, VARIABLE, allowing, max_bytes, max_pieces, max_pixels
from ripguard.images.rendering import render


def test_the_limit(monkeypatch):  # type: ignore[no-untyped-def]
    """50 million, or the variable; other limits follow."""
    monkeypatch.delenv(VARIABLE, raising=False)
    assert (max_pixels(), max_bytes(), max_pieces(100)) == (DEFAULT_PIXELS, 12 * DEFAULT_PIXELS, 100)
    with allowing(200_000_000):
        assert (max_pixels(), max_bytes(), max_pieces(100)) == (200_000_000, 2_400_000_000, 400)
        with allowing(7):
            assert (max_pixels(), max_pieces(100)) == (7, 100)
        with allowing(None):
            assert max_pixels() == 200_000_000
        shown = "from ripguard.images.limits import max_pixels; print(max_pixels())"
        assert subprocess.check_output([sys.executable, "-c", shown]) == b"200000000\n"
    assert VARIABLE not in os.environ
    monkeypatch.setenv(VARIABLE, "9")
    with allowing(8):
        assert max_pixels() == 8
    assert max_pixels() == 9


@pytest.mark.parametrize("value", ["0", "-1", "x", "1e6", "1.5", "9" * 30, str((1 << 31) + 1), "²"])
def test_wrong_limits(value, monkeypatch):  # type: ignore[no-untyped-def]
    monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(UsageError, match=VARIABLE):
        max_pixels()
    with pytest.raises(UsageError, match="RIPGUARD_MAX_PIXELS"):
        read_image(saved(photo(), "PNG"))


def test_wrong_options():
    for value in (0, -5, (1 << 31) + 1):
        with pytest.raises(UsageError, match="--max-pixels"), allowing(value):
            pass


def test_all_readers_follow(monkeypatch):  # type: ignore[no-untyped-def]
    """Larger and smaller than by default, Pillow's own limit included, which is as before afterwards."""
    small, before = saved(photo(), "PNG"), Image.MAX_IMAGE_PIXELS
    with allowing(1919):
        for read in (read_image, render):
            with pytest.raises(InputRefused, match="image: more than 1,919 pixels") as caught:
                read(small)
            assert "--max-pixels" in caught.value.hint
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)  # as if the image were large
    with pytest.raises(InputRefused), allowing(900):
        read_image(small)
    with allowing(1920):
        np.testing.assert_array_equal(read_image(small), photo())
        np.testing.assert_array_equal(render(small).image, photo())
    assert Image.MAX_IMAGE_PIXELS == 500
    assert before != 500


def test_one_sentence_a_kind():
    """The size of a file is not in the reason, which would then be another one for each file."""
    first, second = saved(photo(), "PNG"), saved(photo()[:, :-1], "PNG")
    with allowing(100):
        found = {str(_refusal(render, one)) for one in (first, second)}
        found |= {str(_refusal(render, made.npy(one))) for one in (photo(), photo()[1:])}
        assert found == {str(_refusal(render, first))}
        large = {str(_refusal(recognized, one + bytes(99_999), "a.png")) for one in (first, second)}
    assert len(large) == 1
    shapes = {str(_refusal(render, made.npy(np.zeros(shape, np.uint8)))) for shape in ((7,), (8,))}
    assert len(shapes) == 1


def _refusal(function, *arguments: object) -> InputRefused:  # type: ignore[no-untyped-def]
    with pytest.raises(InputRefused) as caught:
        function(*arguments)
    return caught.value
