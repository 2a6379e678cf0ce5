"""Aims beside what was measured: reached or missed, and nothing where nothing was measured."""

from __future__ import annotations

from typing import Any

from ripguard.benchmark.aims import aims
from ripguard.benchmark.entry import Entry


def told(lines: list[str]) -> dict[str, tuple[str, str]]:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| x")]
    return {row[0]: (row[2], row[3]) for row in rows}


def test_reached_and_missed():
    strong = Entry("strong", 22.2, 0.8, 20, plain=[9.0], defended={"blur": [30.0, 40.0], "jpeg-10": [20.0]})
    strong.adaptive = {
        ("output permutation", 100): {"none": [10.0], "blur": [19.0]},
        ("output permutation, standardised", 100): {"none": [21.0], "blur": [15.0]},
        ("standardised outputs", 0): {"blur": [51.0]},
        ("linear head", 500): {"none": [55.0], "blur": [62.0]},
    }
    strong.alone = {500: 50.0}
    strong.undone = {"sink-out": [20.0], "made-up-told": [60.0]}
    mrit = Entry("mrit", 26.5, 0.9, 20, plain=[10.5, 10.1])
    old = Entry("mrit, no sink", 26.5, 0.9, 20, plain=[5.0])
    layered = Entry("layered", 22.7, 0.8, 20, plain=[9.0], undone={"made-up-told": [19.0], "made-up-twice": [49.0]})
    board = {("x", "small", 20, entry.scheme): entry for entry in (strong, mrit, old, layered)}
    peers: dict[str, Any] = {"dataset": "x", "rows": [
        {"perturb": "lsp", "defence": "none", "test_accuracy": 15.0, "published": 13.0},
        {"perturb": "lsp", "defence": "blur", "test_accuracy": 80.0, "published": 13.0},
        {"perturb": "tap", "defence": "jpeg-10", "test_accuracy": 70.0, "treated_accuracy": 76.0, "published": 6.0},
        {"perturb": "clean", "defence": "jpeg-10", "test_accuracy": 78.0, "published": None},
        {"perturb": "noise", "defence": "none", "test_accuracy": 84.0, "published": None},
    ]}  # fmt: skip
    assert told(aims(board, peers)) == {
        "x, `small`: our best at ≥ 26 dB, plain victim": ("10.30 (`mrit`)", "**missed**"),
        "x, `small`, `strong`: outputs permuted or standardised, plain victim": ("21.00", "**missed**"),
        "x, `small`, `strong`: linear head, 500 clean, plain victim": ("55.00, alone 50.00", "reached"),
        "x, `small`, `strong`: outputs permuted or standardised, victims with and without defences": (
            "51.00 (blur)",
            "**missed**",
        ),
        "x, `small`, `strong`: linear head, 500 clean, victims with and without defences": (
            "62.00 (blur), alone 50.00",
            "**missed**",
        ),
        "x, `small`, `strong`: best defence": ("35.00 (blur), of 2", "reached"),
        "x, `small`, `strong`: best defence, outputs standardised": ("51.00 (blur)", "**missed**"),
        "x, `small`, `strong`: undone by who knows the method": ("60.00 (made-up-told)", "**missed**"),
        "x, `small`, `layered`: undone by who knows the method": ("49.00 (made-up-twice)", "reached"),
        "x, `small`, `mrit`: plain victim": ("10.30", "reached"),
        "x, peer `lsp`, plain victim": ("15.00", "reached"),
        "x, control: peer `tap` under jpeg-10": ("76.00, clean 78.00", "reached"),
    }


def test_nothing_measured():
    assert aims({}, None) == []
