"""One figure of a release: images clean, protected, restored, and what models trained on each of them are right on."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ripguard.benchmark.drawing import Figure
from ripguard.benchmark.figures import COLORS
from ripguard.benchmark.grid import TIMES
from ripguard.benchmark.records import Measurement
from ripguard.benchmark.table import Cell, cells
from ripguard.benchmark.true_size import at_true_size
from ripguard.errors import shown
from ripguard.store.atomic import write_file

CELL = 192  # pixels of the figure, up to which smaller images are enlarged
DPI = 72  # a point is a pixel of the figure
LEFT, RIGHT, TOP, BOTTOM, GAP = 216, 384, 72, 8, 8  # pixels beside the images, and between them
LARGE, SMALL = 25, 17  # of text
ROWS = ("clean", "protected", "restored", "difference")
QUIET = "#555555"


def overview(rows: Sequence[Measurement], images: dict[str, list[np.ndarray]], target: Path) -> Path | None:
    """Write a PNG file: a row each of clean, protected and restored images, with the test accuracy of models trained on
    them beside it, and a row of differences. None without victims.

    Images are drawn at true size, see :mod:`ripguard.benchmark.true_size`.

    Args:
        rows: victims and image quality of one dataset, protocol and scheme.
        images: clean, protected, restored and difference by class, as of :func:`ripguard.benchmark.grid.samples`.
    """
    victims = {cell.training_set: cell for cell in cells(rows) if cell.defence == "none"}
    if not victims:
        return None
    columns = [[at_true_size(image, CELL)[0] for image in own] for own in images.values()]
    heights = [max(column[row].shape[0] for column in columns) for row in range(len(ROWS))]
    widths = [max(image.shape[1] for image in column) for column in columns]
    width = LEFT + sum(widths) + GAP * len(widths) + RIGHT
    height = TOP + sum(heights) + GAP * len(heights) + BOTTOM
    figure = Figure((width / DPI, height / DPI), dpi=DPI)

    def text(x: float, y: float, words: str, size: float = SMALL, **more: Any) -> None:
        figure.text(x / width, y / height, words, fontsize=size, parse_math=False, **({"va": "center"} | more))

    x = LEFT
    for label, wide in zip(images, widths):
        text(x + wide / 2, height - TOP + 14, shown(label[:16]), ha="center", color=QUIET)
        x += wide + GAP
    text(x + 12, height - TOP + 42, "Trained on these images,", LARGE - 3, weight="bold")
    text(x + 12, height - TOP + 14, "a model is right on so many new ones:", color=QUIET)
    y, chance = height - TOP, 100 / _classes(rows)  # figures count from below
    for row, (name, tall) in enumerate(zip(ROWS, heights)):
        middle = y - tall / 2
        color = COLORS.get(name, QUIET)
        text(LEFT - 16, middle + 16, name, LARGE, ha="right", weight="bold", color=color)
        text(LEFT - 16, middle - 16, _about(name, rows), ha="right", color=QUIET, linespacing=1.3)
        x = LEFT
        for column, wide in zip(columns, widths):
            figure.figimage(column[row], x, y - column[row].shape[0], origin="upper")
            x += wide + GAP
        if name in victims:
            mean = victims[name].test
            axis = figure.add_axes((x / width + 12 / width, (middle - 34) / height, (RIGHT - 140) / width, 68 / height))
            axis.barh(0, mean, 0.8, color=color)
            axis.barh(0, 100, 0.8, color=color, alpha=0.12, zorder=0)
            axis.axvline(chance, color="black", ls=":", lw=2)
            axis.set(xlim=(0, 100), ylim=(-0.5, 0.5))
            axis.axis("off")
            text(x + RIGHT - 118, middle, f"{mean:.1f} %", LARGE, weight="bold", color=color)
        elif name == "difference":
            text(x + 12, middle, _small_print(rows, victims, chance), color=QUIET, linespacing=1.45)
        y -= tall + GAP
    buffer, small = io.BytesIO(), io.BytesIO()
    figure.savefig(buffer, dpi=DPI)
    Image.open(buffer).convert("RGB").save(small, "PNG", optimize=True)
    write_file(target, small.getvalue())
    return target


def _about(name: str, rows: Sequence[Measurement]) -> str:
    """What a row is, below its name."""
    quality = next((row.metrics for row in rows if row.kind == "image-quality"), None)
    if name == "restored" and quality:
        return f"with the key: {quality['restored_equal']:,}\nof {quality['images']:,} bit for bit"
    of_row = {"clean": "the originals,\nkept private", "protected": "what you publish", "restored": "with the key"}
    return of_row.get(name, f"protected − clean,\n{TIMES} times as large")


def _small_print(rows: Sequence[Measurement], victims: dict[str, Cell], chance: float) -> str:
    first, cell = rows[0], next(iter(victims.values()))
    return (
        f"dotted: chance, {chance:.3g} %\n"
        f"{first.dataset}, scheme {first.scheme_name}\n"
        f"{cell.model}, n = {len(victims[next(iter(victims))].seeds)} of each\n"
        f"{cell.n_train:,} training, {cell.test_images:,} test images\n"
        "plain training; attackers who look\nreach more (leaderboard)"
    )


def _classes(rows: Sequence[Measurement]) -> int:
    known = [row.provenance["classes"] for row in rows if "classes" in row.provenance]
    return len(known[0]) if known else 10
