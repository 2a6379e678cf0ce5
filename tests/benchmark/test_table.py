"""The accuracy table: means, spreads, intervals, the paper's figures beside them."""

from __future__ import annotations

import pytest

from ripguard.benchmark import figures
from ripguard.benchmark.page import html
from ripguard.benchmark.table import cells, interval, markdown


def row(split: str, seed: int, train: float, test: float, **more):  # type: ignore[no-untyped-def]
    base = {"split": split, "defence": "none", "model": "resnet18", "seed": seed, "images": 5000, "test_images": 500}
    confusion = [[200, 50], [50, 200]]
    return (
        base | {"train_accuracy": train, "test_accuracy": test, "classes": ["a", "b<"], "confusion": confusion} | more
    )


def record(*rows):  # type: ignore[no-untyped-def]
    return {
        "name": "table1 tinyimagenet paper mrit", "dataset": "tinyimagenet", "protocol": "paper", "scheme": "mrit",
        "command": "python <x>", "commit": "c", "date": "d", "hardware": {"cores": 2, "cpu": "x", "gpu": None},
        "versions": {"python": "3"}, "recipe": {"source": "s", "epochs": 1}, "rows": list(rows),
    }  # fmt: skip


def test_seeds_are_averaged():
    """Mean and sample SD by hand; splits in the paper's order; its figures beside ours; defences apart."""
    found = cells(
        record(
            row("protected", 0, 100, 16), row("clean", 1, 99, 74), row("clean", 0, 98, 71),
            row("clean", 0, 90, 60, defence="jpeg10"),
        )
    )  # fmt: skip
    assert [(c.split, c.defence) for c in found] == [("clean", "jpeg10"), ("clean", "none"), ("protected", "none")]
    clean = found[1]
    assert (clean.seeds, clean.train, clean.test) == ([0, 1], 98.5, 72.5)
    assert clean.test_sd == pytest.approx(2.1213, abs=1e-4)
    assert found[2].test_sd is None
    assert clean.published == (99.98, 74.0)


def test_interval_is_wilsons():
    """370 of 500, against the closed formula; the ends of the scale stay inside it."""
    n, p, z = 500, 0.74, 1.959964
    centre, half = p + z * z / (2 * n), z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    expected = [100 * (centre + s * half) / (1 + z * z / n) for s in (-1, 1)]
    assert interval(74.0, 500) == pytest.approx(expected, abs=1e-3)
    assert interval(0, 500)[0] == 0
    assert interval(100, 500)[1] == 100


def test_markdown_says_all(tmp_path):  # type: ignore[no-untyped-def]
    """One line a cell, seeds named, no spread where there is one seed."""
    gray = row("protected", 0, 100, 15.1, defence="grayscale", treated_accuracy=17.25)
    lines = markdown(record(row("clean", 0, 99.5, 74.2), row("clean", 2, 99.5, 74.4), row("protected", 0, 100, 16.2)))
    assert lines[2].startswith("| clean (5,000) | resnet18 | 0, 2 | 99.50 ± 0.00 | **74.30 ± 0.14** | 70.")
    assert lines[3].startswith("| protected (5,000) | resnet18 | 0 | 100.00 | **16.20** |")
    assert lines[3].endswith("| 100.00 / 16.20 |")
    assert "grayscale | resnet18 | 0 | 100.00 | **15.10** (asked so too: 17.25) |" in markdown(record(gray))[2]


def test_page_and_images(tmp_path):  # type: ignore[no-untyped-def]
    """Drawn without a display; names are escaped in the page; no logs, no curves."""
    one = record(row("clean", 0, 99.5, 74.2), row("protected", 0, 100, 16.2))
    images = [("bars", figures.bars(one, tmp_path / "a.png")), ("c", figures.confusion(one, tmp_path / "b.png"))]
    assert figures.curves(one, tmp_path, tmp_path / "none.png") is None
    text = html(one, images, tmp_path / "r.html").read_text()
    assert "python &lt;x&gt;" in text
    assert "<x>" not in text
    assert text.count("<td>clean") == text.count("<td>protected") == 1
