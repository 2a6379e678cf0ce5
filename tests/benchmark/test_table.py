"""Tables: one function from measurements; means, spreads, intervals, the paper's accuracies beside them."""

from __future__ import annotations

from typing import Any

import pytest
from measured import measured, scheme

from ripguard.benchmark import figures
from ripguard.benchmark.page import html
from ripguard.benchmark.records import Measurement
from ripguard.benchmark.table import cells, field, interval, markdown, metric, table


def row(split: str, seed: int, train: float, test: float, defence: str = "none", **more: float) -> Measurement:
    metrics: dict[str, Any] = {
        "train_acc": train,
        "test_acc": test,
        "test_images": 500,
        "confusion": [[200, 50], [50, 200]],
    }
    return measured(
        "victim", metrics | more, scheme("mrit"), dataset="tinyimagenet", protocol="paper", n_train=5000,
        training_set=split, defence=defence, model="resnet18", seed=seed,
    )  # fmt: skip


def test_seeds_are_averaged():
    """Mean and sample SD by hand; training sets in the paper's order; its accuracies beside ours; defences apart."""
    rows = [row("protected", 0, 100, 16), row("clean", 1, 99, 74), row("clean", 0, 98, 71)]
    rows.append(row("clean", 0, 90, 60, "jpeg-10"))
    found = {
        (one.training_set, one.defence): one
        for one in cells(
            [
                row("protected", 0, 100, 16),
                row("clean", 1, 99, 74),
                row("clean", 0, 98, 71),
                row("clean", 0, 90, 60, "jpeg-10"),
            ]
        )
    }
    assert set(found) == {("clean", "jpeg-10"), ("clean", "none"), ("protected", "none")}
    clean = found["clean", "none"]
    assert (sorted(clean.seeds), clean.train, clean.test) == ([0, 1], 98.5, 72.5)
    assert clean.test_sd == pytest.approx(2.1213, abs=1e-4)
    assert found["protected", "none"].test_sd is None
    assert clean.published == (99.98, 74.0)


def test_interval_is_wilsons():
    """370 of 500, against the closed formula; the ends of the scale stay inside it."""
    n, p, z = 500, 0.74, 1.959964
    centre, half = p + z * z / (2 * n), z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    expected = [100 * (centre + s * half) / (1 + z * z / n) for s in (-1, 1)]
    assert interval(74.0, 500) == pytest.approx(expected, abs=1e-3)
    assert interval(0, 500)[0] == 0
    assert interval(100, 500)[1] == 100


def test_markdown():
    """One line a cell, seeds named, no spread where there is one seed."""
    lines = markdown([row("clean", 0, 99.5, 74.2), row("clean", 2, 99.5, 74.4), row("protected", 0, 100, 16.2)])
    assert "resnet18" in lines[2]
    assert "0, 2" in lines[2]
    assert "**74.30 ± 0.14**" in lines[2]
    assert "**16.20**" in lines[3]
    assert "100.00 / 16.20" in lines[3]
    defended = markdown([row("protected", 0, 100, 15.1, "grayscale", test_acc_defended=17.25)])[2]
    assert "grayscale" in defended
    assert "17.25" in defended


def test_empty_columns_are_left_out():
    """A column in which no row has a value is not in the table; one with a single value is."""
    rows = [row("clean", 0, 99.5, 74.2), row("protected", 0, 100, 16.2, residue=3.0)]
    columns = [("none", metric("absent")), ("residue", metric("residue"))]
    lines = table(rows, [("set", field("training_set"))], columns)
    assert lines[0] == "| set | residue |"
    assert lines[2:] == ["| clean |  |", "| protected | 3.00 |"]


def test_page_and_images(tmp_path):  # type: ignore[no-untyped-def]
    """Drawn without a display; names are escaped in the page; no logs, no curves."""
    rows = [row("clean", 0, 99.5, 74.2), row("protected", 0, 100, 16.2)]
    drawn = [("bars", figures.bars(rows, tmp_path / "a.png")), ("c", figures.confusion(rows, tmp_path / "b.png"))]
    assert figures.curves(rows, {}, tmp_path / "none.png") is None
    text = html(rows, [(title, path) for title, path in drawn if path], tmp_path / "r.html").read_text()
    assert "python &lt;x&gt;" in text
    assert "<x>" not in text
    assert text.count("<td>clean") == text.count("<td>protected") == 1
    assert text.count("data:image/png;base64,") == 2
