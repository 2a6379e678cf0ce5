"""Tables of measurements: lines, empty columns, ranks; means, spreads, intervals, the paper's accuracies."""

from __future__ import annotations

from pathlib import Path

import pytest
from measurements import quality, row, victim

from ripguard.benchmark import figures
from ripguard.benchmark.page import html
from ripguard.benchmark.table import cells, field, interval, markdown, metric, table


def test_a_table():
    """One line for each index, ranked; a column that is empty everywhere is left out."""
    rows = [row("victim", {"test_acc": value}, seed=seed) for value, seed in ((3.0, 0), (1.0, 1), (5.0, 0))]
    columns = [("acc", metric("test_acc", bold=True)), ("none", metric("nosuch")), ("n", lambda group: str(len(group)))]
    lines = table(rows, [("seed", field("seed"))], columns, lambda group: group[0].metrics["test_acc"])
    assert lines == ["| seed | acc | n |", "| --- | --- | --- |", "| 1 | **1.00** | 1 |", "| 0 | **4.00** | 2 |"]
    assert table([], [("seed", field("seed"))], columns) == []


def test_seeds_are_averaged():
    """Mean and sample SD by hand; training sets in the paper's order; its accuracies beside ours; defences apart."""
    rows = [
        victim(*one, dataset="tinyimagenet") for one in (("protected", 0, 16.0), ("clean", 1, 74.0), ("clean", 0, 71.0))
    ]
    found = cells([*rows, victim("clean", 0, 60.0, "jpeg10")])
    assert [(c.training_set, c.defence) for c in found] == [
        ("clean", "jpeg10"),
        ("clean", "none"),
        ("protected", "none"),
    ]
    clean = found[1]
    assert (clean.seeds, clean.train, clean.test) == ([0, 1], 100.0, 72.5)
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


def test_the_accuracy_table():
    """One line a cell, seeds named, no spread where there is one seed, hardware in each line."""
    rows = [victim(*one, dataset="cifar10") for one in (("protected", 0, 16.2), ("clean", 0, 74.2), ("clean", 2, 74.4))]
    lines = markdown(rows)
    assert lines[2].startswith("| clean (20) | resnet18 | 0, 2 | 100.00 ± 0.00 | **74.30 ± 0.14** | 70.")
    assert lines[3].startswith("| protected (20) | resnet18 | 0 | 100.00 | **16.20** |")
    assert lines[3].endswith("| 100.00 / 38.23 | 2 cores some, 1 thread |")
    gray = victim("protected", 0, 15.1, "grayscale", metrics={"test_acc_defended": 17.25})
    assert "| protected (20) | grayscale | resnet18 | 0 | 100.00 | **15.10** | 17.25 |" in markdown([gray])[2]


def test_page_and_figures(tmp_path: Path):
    """Drawn without a display; names are escaped in the page; no logs, no curves."""
    rows = [victim("clean", 0, 74.2), victim("protected", 0, 16.2), quality()]
    drawn = [("bars", figures.bars(rows, tmp_path / "a.png")), ("c", figures.confusion(rows, tmp_path / "b.png"))]
    assert figures.curves(rows, {}, tmp_path / "none.png") is None
    logs = {"clean-resnet18-0": {"epoch": [1, 2], "watched_accuracy": [50.0, None]}}
    assert figures.curves(rows, logs, tmp_path / "curves.png") == tmp_path / "curves.png"
    text = html(rows, drawn, tmp_path / "r.html").read_text()
    assert "python &lt;x&gt;" in text
    assert "<x>" not in text
    assert text.count("<td>clean") == text.count("<td>protected") == 1
    assert text.count("data:image/png;base64,") == 2
