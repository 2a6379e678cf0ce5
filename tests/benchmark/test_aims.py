"""Aims beside what was measured: reached or missed, and nothing where nothing was measured."""

from __future__ import annotations

from measurements import peer

from ripguard.benchmark.aims import aims
from ripguard.benchmark.entry import Entry


def figures(lines: list[str]) -> dict[str, tuple[str, str]]:
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
    strong.undone = {"sink-out": [20.0], "synthetic-pairs-labels": [60.0]}
    mrit = Entry("mrit", 26.5, 0.9, 20, plain=[10.5, 10.1])
    old = Entry("mrit, no sink", 26.5, 0.9, 20, plain=[5.0])
    layered = Entry(
        "layered",
        22.7,
        0.8,
        20,
        plain=[9.0],
        undone={"synthetic-pairs-labels": [19.0], "synthetic-pairs-twice": [49.0]},
    )
    board = {("x", "small", 20, entry.scheme): entry for entry in (strong, mrit, old, layered)}
    peers = [
        peer("lsp", "none", 15.0, published=13.0), peer("lsp", "blur", 80.0, published=13.0),
        peer("tap", "jpeg-10", 70.0, defended=76.0, published=6.0), peer("clean", "jpeg-10", 78.0),
        peer("noise", "none", 84.0),
    ]  # fmt: skip
    assert figures(aims(board, peers)) == {
        "x, `small`: our best at ≥ 26 dB, plain victim": ("10.30 (`mrit`)", "**missed**"),
        "x, `small`, `strong`: outputs permuted or standardized, plain victim": ("21.00", "**missed**"),
        "x, `small`, `strong`: linear head, 500 clean, plain victim": ("55.00, alone 50.00", "reached"),
        "x, `small`, `strong`: outputs permuted or standardized, victims with and without defences": (
            "51.00 (blur)",
            "**missed**",
        ),
        "x, `small`, `strong`: linear head, 500 clean, victims with and without defences": (
            "62.00 (blur), alone 50.00",
            "**missed**",
        ),
        "x, `small`, `strong`: best defence": ("35.00 (blur), of 2", "reached"),
        "x, `small`, `strong`: best defence, logits standardized": ("51.00 (blur)", "**missed**"),
        "x, `small`, `strong`: undone with the published method": ("60.00 (synthetic-pairs-labels)", "**missed**"),
        "x, `small`, `layered`: undone with the published method": ("49.00 (synthetic-pairs-twice)", "reached"),
        "x, `small`, `mrit`: plain victim": ("10.30", "reached"),
        "x, peer `lsp`, plain victim": ("15.00", "reached"),
        "x, control: peer `tap` under jpeg-10": ("76.00, clean 78.00", "reached"),
    }


def test_nothing_measured():
    assert aims({}, []) == []
