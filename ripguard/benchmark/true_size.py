"""Draw images side by side at true size: one pixel of an image is a whole number of pixels of the figure.

Small images are enlarged by a whole factor, without smoothing. Of large ones the center is shown. Nothing is resampled,
so what is seen is what was published.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence

import numpy as np
from PIL import Image

from ripguard.benchmark.drawing import Figure
from ripguard.errors import shown

CELL = 128  # pixels of the figure; smaller images are enlarged up to it
MOST = 224  # pixels of the figure; larger images are cut to it
DPI = 90
LEFT, TOP, GAP = 30, 18, 6  # pixels for labels, for titles, and between images

Line = tuple[str, list[np.ndarray]]


def at_true_size(image: np.ndarray, cell: int = CELL) -> tuple[np.ndarray, str]:
    """What is drawn of an image, uint8 ``[height, width, 3]``, and how, in words.

    Args:
        image: uint8 ``[height, width, 1 or 3]``.
        cell: pixels of the figure, up to which a smaller image is enlarged.
    """
    height, width = image.shape[:2]
    factor = max(1, cell // max(height, width))
    top, left = max(0, height - MOST) // 2, max(0, width - MOST) // 2
    part = image[top : top + MOST, left : left + MOST]
    whole = part.shape[:2] == image.shape[:2]
    how = f"{width}×{height}" + ("" if whole else ", center") + (f", {factor} ×" if factor > 1 else "")
    return np.broadcast_to(part, (*part.shape[:2], 3)).repeat(factor, 0).repeat(factor, 1), how


def draw(lines: Sequence[Line], titles: Sequence[str]) -> bytes:
    """A PNG file: for each line a label and images of one size, for each column a title."""
    cells = [[at_true_size(image)[0] for image in images] for _, images in lines]
    heights = [max(one.shape[0] for one in row) for row in cells]
    widths = [max(row[column].shape[1] for row in cells) for column in range(len(titles))]
    width, height = LEFT + sum(widths) + GAP * len(widths), TOP + sum(heights) + GAP * len(heights)
    figure = Figure((width / DPI, height / DPI), dpi=DPI)
    y = height - TOP  # figures count from below
    for (label, images), row, tall in zip(lines, cells, heights):
        text = f"{shown(label[:14])}\n{at_true_size(images[0])[1]}"
        figure.text(LEFT / 2 / width, (y - tall / 2) / height, text, rotation=90, fontsize=7, parse_math=False,
                    ha="center", va="center")  # fmt: skip
        x = LEFT
        for one, wide in zip(row, widths):
            figure.figimage(one, x, y - one.shape[0], origin="upper")
            x += wide + GAP
        y -= tall + GAP
    x = LEFT
    for title, wide in zip(titles, widths):
        figure.text((x + wide / 2) / width, 1 - TOP / 2 / height, title, fontsize=8, ha="center", va="center")
        x += wide + GAP
    buffer, small = io.BytesIO(), io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of letters that the font lacks: boxes stand for them
        figure.savefig(buffer, dpi=DPI)
    Image.open(buffer).convert("RGB").save(small, "PNG", optimize=True)
    return small.getvalue()
