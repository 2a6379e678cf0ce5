"""The sheet shows every rendering at its place."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


def program():  # type: ignore[no-untyped-def]
    place = importlib.util.spec_from_file_location("make_contact_sheet", ROOT / "tools" / "make_contact_sheet.py")
    module = importlib.util.module_from_spec(place)
    paths = list(sys.path)
    place.loader.exec_module(module)
    sys.path[:] = paths
    return module


def test_renderings_stand_in_a_grid(tmp_path):  # type: ignore[no-untyped-def]
    """Upright, in the order of suffixes."""
    from corpus import corpus, photo

    tool = program()
    files = [
        (one.name, one.data) for one in corpus() if one.name in ("turned-6.tif", "gray.png", "rgb.bmp", "turned-6.png")
    ]
    page = np.asarray(tool.sheet(files).convert("RGB")).astype(int)
    assert page.shape == (tool.CELL[1], tool.COLUMNS * tool.CELL[0], 3)
    left = (tool.CELL[0] - 48) // 2
    shown = [page[2:42, left + i * tool.CELL[0] :][:, :48] for i in range(3)]
    for image in (shown[0], shown[2]):
        assert np.abs(image - photo()).mean() < 8
    assert np.ptp(shown[1], axis=2).mean() < 8


def test_the_figure_is_of_the_corpus():
    """Its size is that of the corpus, and it is small enough."""
    from corpus import corpus

    tool, path = program(), ROOT / "docs" / "every-mode.png"
    rows = -(-sum(one.reference is not None for one in corpus()) // tool.COLUMNS)
    with Image.open(path) as figure:
        assert figure.size == (tool.COLUMNS * tool.CELL[0], rows * tool.CELL[1])
    assert path.stat().st_size < 300_000
