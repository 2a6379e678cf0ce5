"""What renderings do not show, where headers need a closer look."""

from __future__ import annotations

import io

import made
import numpy as np
import pytest
from corpus import corpus, gray, photo
from PIL import Image

from ripguard.images.kinds import KINDS, has_padding_alpha, ordered, orientation, pnm_kinds
from ripguard.images.rendering import render

BY_NAME = {one.name: one for one in corpus()}


def test_order():
    assert ordered(["16 bits", "alpha", "16 bits", "palette"]) == ("palette", "alpha", "16 bits")
    assert len(set(KINDS)) == len(KINDS)


def test_maxima_of_a_pnm():
    found = {maximum: pnm_kinds(maximum) for maximum in (1, 2, 3, 15, 254, 255, 256, 65535)}
    names = {
        1: "1 bit",
        2: "other maximum",
        3: "2 bits",
        15: "4 bits",
        254: "other maximum",
        256: "16 bits",
        65535: "16 bits",
    }
    assert found == {maximum: [names[maximum]] if maximum in names else [] for maximum in found}


@pytest.mark.parametrize("masks", [(), (0xFF0000, 0xFF00, 0xFF, 0), (0xFF000000, 0xFF0000, 0xFF00, 0)])
@pytest.mark.parametrize("fourth", [0, 255, 7, "gray"])
def test_alpha_in_the_padding_of_a_bmp(masks, fourth):  # type: ignore[no-untyped-def]
    """Wherever the byte is that no mask covers; viewers ignore it."""
    rgb, other = photo(), np.broadcast_to(gray() if fourth == "gray" else np.uint8(fourth), (40, 48))
    planes = [rgb[:, :, ::-1], other] if masks[:1] != (0xFF000000,) else [other, rgb[:, :, ::-1]]
    data = made.bmp(np.dstack(planes).reshape(40, -1), 32, masks=masks)
    found = render(data)
    np.testing.assert_array_equal(found.image, rgb)
    assert found.differs == (() if fourth in (0, 255) else ("alpha",))


def test_other_files_have_no_padding():
    for name in ("rgb.bmp", "palette.bmp", "os2.bmp", "alpha.bmp", "rgb.png"):
        data = BY_NAME[name].data
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            assert not has_padding_alpha(image, data)


@pytest.mark.parametrize("value", [0, 9, 65535, "6", (6, 6), b"x"])
def test_orientations_that_are_none(value):  # type: ignore[no-untyped-def]
    image = Image.new("L", (2, 3))
    image.getexif()[274] = value
    assert orientation(image) == 1
