"""The grid shows every pixel of an image as whole pixels of the figure, none resampled."""

from __future__ import annotations

import io

import numpy as np
import pytest
from helpers import call, crop, good, make_source
from PIL import Image

from ripguard.benchmark.true_size import CELL, MOST, at_true_size, draw
from ripguard.images.decoding import read_image


def stands(sheet: np.ndarray, image: np.ndarray) -> int:
    """Number of places of the sheet where the image is, pixel by pixel."""
    height, width = image.shape[:2]
    found = (sheet[: len(sheet) - height + 1, : sheet.shape[1] - width + 1] == image[0, 0]).all(2)
    return sum(
        bool((sheet[y : y + height, x : x + width] == image).all())
        for y, x in zip(*(map(int, i) for i in found.nonzero()))
    )


@pytest.mark.parametrize(
    ("size", "drawn", "how"),
    [
        ((32, 32, 3), (128, 128), "32×32, 4 ×"),
        ((13, 21, 3), (78, 126), "21×13, 6 ×"),
        ((64, 64, 1), (128, 128), "64×64, 2 ×"),
        ((96, 100, 3), (96, 100), "100×96"),
        ((224, 224, 3), (224, 224), "224×224"),
        ((500, 226, 3), (224, 224), "226×500, center"),
        ((1, 1, 3), (128, 128), "1×1, 128 ×"),
        ((20, 300, 3), (20, 224), "300×20, center"),
    ],
)
def test_sizes(size: tuple[int, int, int], drawn: tuple[int, int], how: str):
    image = np.random.default_rng(0).integers(0, 256, size).astype(np.uint8)
    found, words = at_true_size(image)
    assert (found.shape, words) == ((*drawn, 3), how)
    factor = drawn[0] // min(size[0], MOST)
    top, left = (size[0] - drawn[0] // factor) // 2, (size[1] - drawn[1] // factor) // 2
    own = image[top : top + drawn[0] // factor, left : left + drawn[1] // factor]
    assert (found[::factor, ::factor] == own).all()
    assert (found == found[::factor, ::factor].repeat(factor, 0).repeat(factor, 1)).all()


def test_every_image_stands_there_unchanged():
    """Small, large, gray and odd sizes in one sheet; names that are formulas or longer than the image."""
    images = [crop(0), crop(0, 300, 260), crop(2, 50, 70)[..., :1], crop(3, 13, 21)]
    names = ["cat", "$x^2_", "a name that is longer than its image", "\u202eodd\n"]
    lines = [(name, [image, 255 - image, image // 2]) for name, image in zip(names, images)]
    sheet = np.asarray(Image.open(io.BytesIO(draw(lines, ["clean", "protected", "difference ×4"]))))
    for _, row in lines:
        for image in row:
            assert stands(sheet, at_true_size(image)[0]) == 1
    assert sheet.shape[1] < 3 * (MOST + 10) + 40
    assert CELL <= MOST


def test_grid_of_a_release(tmp_path):  # type: ignore[no-untyped-def]
    """`report --grid`: the published pixels are those of the files."""
    source = make_source(tmp_path / "s")
    good("keygen", "--out", tmp_path / "k")
    good("protect", source, tmp_path / "r", "--key-file", tmp_path / "k", "--workers", "1")
    assert call("report", tmp_path / "r", "--source", source, "--grid", tmp_path / "grid.png")[0] == 0
    sheet = np.asarray(Image.open(tmp_path / "grid.png"))
    published = [read_image(path) for path in sorted((tmp_path / "r").rglob("*.png"))]
    drawn = sum(stands(sheet, at_true_size(image)[0]) > 0 for image in published)
    assert drawn >= 3  # one of each class
