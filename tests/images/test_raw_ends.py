"""Ends of files whose headers give the size of their samples."""

from __future__ import annotations

import io

import made
import numpy as np
import pytest
from corpus import corpus, gray, photo, saved
from PIL import Image

from ripguard.images import raw_ends

BY_NAME = {one.name: one.data for one in corpus()}


@pytest.mark.parametrize("name", [one for one in BY_NAME if one.endswith((".bmp", ".dib"))])
def test_bitmaps(name):  # type: ignore[no-untyped-def]
    """Of all depths and headers; cut anywhere."""
    data, start = BY_NAME[name], 0 if name.endswith(".dib") else 14
    found, end = raw_ends.bmp(data, start)
    assert found == set()
    assert end == len(data)
    for cut in range(20, len(data), 17):
        raw_ends.bmp(data[:cut], start)


@pytest.mark.parametrize("name", [one for one in BY_NAME if one.endswith(".tga") and "refused" not in one])
def test_tga(name):  # type: ignore[no-untyped-def]
    data = BY_NAME[name]
    assert raw_ends.tga(data) == (set(), len(data))
    assert raw_ends.tga(data + bytes(40))[1] == len(data) + (40 if data[2] >= 8 else 0)


@pytest.mark.parametrize(
    "name", [one for one in BY_NAME if one.endswith((".ppm", ".pgm", ".pbm")) and "dec" not in one]
)
def test_pnm(name):  # type: ignore[no-untyped-def]
    data = BY_NAME[name]
    with Image.open(io.BytesIO(data)) as image:
        end = raw_ends.pnm(image, data)[1]
    assert end == len(data) // (2 if name == "two.ppm" else 1)
    assert raw_ends.another(data, end) == (name == "two.ppm")


def test_another_image():
    """Of any kind, behind white space too; samples that look like a header are none."""
    for more in (b"P6\n1 1", b"\n P5 1 1", b"P7\n", b"Pf\n", b"P1#", b"\x93NUMPY\1"):
        assert raw_ends.another(b"x" + more, 1)
    for more in (b"", b"P", b"P9 ", b"PP6 ", b"x P6 "):
        assert not raw_ends.another(b"x" + more, 1)
    hidden = made.pam(np.frombuffer(b"P6\n1 1 255 " * 3, np.uint8)[:33].reshape(1, 11, 3), "RGB")
    assert not raw_ends.another(hidden, raw_ends.pam(hidden)[1])


def test_numbers(monkeypatch):  # type: ignore[no-untyped-def]
    """Counted in steps, whatever the white space at the edges of a step."""
    text = f"P2\n48 40\n255\n{' '.join(map(str, gray().ravel().tolist()))}\n".encode()
    for step in (5, 7, 64, 1 << 22):
        monkeypatch.setattr(raw_ends, "ROWS", step)
        for more, there in ((b"", False), (b" \n", False), (b"7\n", True)):
            with Image.open(io.BytesIO(text + more)) as image:
                assert raw_ends.surplus(image, text + more) == there
    with Image.open(io.BytesIO(saved(photo(), "PPM"))) as image:
        assert not raw_ends.surplus(image, saved(photo(), "PPM"))
