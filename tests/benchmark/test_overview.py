"""The overview shows images as they are, each row with the accuracy of models trained on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from measurements import quality, victim
from PIL import Image

from ripguard.benchmark.figures import COLORS
from ripguard.benchmark.overview import CELL, GAP, LEFT, RIGHT, TOP, overview

SIDE = 24


def images() -> dict[str, list[np.ndarray]]:
    draw = np.random.default_rng(0)
    return {name: [draw.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8) for _ in range(4)] for name in ("a", "$b$")}


def bars(sheet: np.ndarray, color: str) -> int:
    """Most pixels of this color in a line beside the images, without the number."""
    wanted = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    return int((sheet[:, -RIGHT:-130] == wanted).all(2).sum(1).max())


def test_images_and_accuracy(tmp_path: Path):
    """Every pixel of an image is a whole number of pixels of the figure; bars are as long as the accuracy."""
    shown = images()
    rows = [victim("clean", 0, 80.0), victim("protected", 0, 20.0), victim("restored", 0, 80.0), quality()]
    assert overview(rows, shown, tmp_path / "o.png") == tmp_path / "o.png"
    sheet = np.asarray(Image.open(tmp_path / "o.png").convert("RGB"))
    for column, own in enumerate(shown.values()):
        for row, image in enumerate(own):
            top, left = TOP + row * (CELL + GAP), LEFT + column * (CELL + GAP)
            drawn = sheet[top : top + CELL, left : left + CELL]
            np.testing.assert_array_equal(drawn, image.repeat(CELL // SIDE, 0).repeat(CELL // SIDE, 1))
    clean, protected, restored = (bars(sheet, color) for color in COLORS.values())
    assert abs(clean - 4 * protected) <= 8
    assert abs(clean - restored) <= 1


def test_a_set_without_victims_has_no_bar(tmp_path: Path):
    assert overview([quality()], images(), tmp_path / "o.png") is None
    assert overview([victim("protected", 0, 50.0)], images(), tmp_path / "o.png")
    sheet = np.asarray(Image.open(tmp_path / "o.png").convert("RGB"))
    assert [bars(sheet, color) > 50 for color in COLORS.values()] == [False, True, False]
