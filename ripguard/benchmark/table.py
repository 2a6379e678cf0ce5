"""The accuracy table: rows of victims → mean ± SD over seeds, with the binomial interval of the test set beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

# Xue et al., Table 1: one run each, (train, test) accuracy in percent
PUBLISHED = {
    "cifar10": {"clean": (96.44, 86.21), "protected": (100.00, 38.23), "restored": (95.21, 85.86)},
    "tinyimagenet": {"clean": (99.98, 74.00), "protected": (100.00, 16.20), "restored": (99.96, 73.20)},
}


@dataclass(frozen=True)
class Cell:
    """One line of the table.

    Attributes:
        train, test: mean accuracies in percent; ``train_sd``, ``test_sd``: sample SD over seeds, None for one seed.
        low, high: 95 % interval of a test set of this size at the mean test accuracy (Wilson), percent.
        images, test_images: training and test images.
        treated: mean accuracy on test images that went through the defence as well; None where none can.
    """

    split: str
    model: str
    defence: str
    seeds: list[int]
    train: float
    train_sd: float | None
    test: float
    test_sd: float | None
    low: float
    high: float
    images: int
    test_images: int
    published: tuple[float, float] | None
    treated: float | None = None


def cells(record: dict[str, Any]) -> list[Cell]:
    """Rows of a record, seeds of one (split, model, defence) together, in order of first appearance."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in record["rows"]:
        groups.setdefault((row["split"], row["model"], row["defence"]), []).append(row)
    order = ("clean", "protected", "restored")
    published = PUBLISHED.get(record["dataset"].split(":")[0], {})
    found = []
    for (split, model, defence), rows in sorted(groups.items(), key=lambda g: (g[0][1:], order.index(g[0][0]))):
        train, test = ([row[f"{name}_accuracy"] for row in rows] for name in ("train", "test"))
        treated = [row["treated_accuracy"] for row in rows if "treated_accuracy" in row]
        low, high = interval(float(np.mean(test)), rows[0]["test_images"])
        found.append(
            Cell(
                split, model, defence, sorted(row["seed"] for row in rows),
                float(np.mean(train)), sd(train), float(np.mean(test)), sd(test), low, high,
                rows[0]["images"], rows[0]["test_images"], published.get(split) if defence == "none" else None,
                float(np.mean(treated)) if len(treated) == len(rows) else None,
            )
        )  # fmt: skip
    return found


def interval(percent: float, count: int) -> tuple[float, float]:
    """95 % interval (Wilson 1927, by SciPy) in percent for a share seen on ``count`` images."""
    from scipy.stats import binomtest

    found = binomtest(round(percent * count / 100), count).proportion_ci(method="wilson")
    return 100 * float(found.low), 100 * float(found.high)


def spread(mean: float, sd: float | None) -> str:
    """``86.2 ± 0.3``, or the mean alone for one seed."""
    return f"{mean:.2f}" if sd is None else f"{mean:.2f} ± {sd:.2f}"


def markdown(record: dict[str, Any]) -> list[str]:
    """The table beside the published one, as lines of Markdown."""
    lines = [
        "| training images | model | seeds | train accuracy | test accuracy | 95 % interval | paper: train / test |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for cell in cells(record):
        paper = f"{cell.published[0]:.2f} / {cell.published[1]:.2f}" if cell.published else ""
        defence = "" if cell.defence == "none" else f", {cell.defence}"
        treated = "" if cell.treated is None else f" (asked so too: {cell.treated:.2f})"
        lines.append(
            f"| {cell.split} ({cell.images:,}){defence} | {cell.model} | {', '.join(map(str, cell.seeds))} "
            f"| {spread(cell.train, cell.train_sd)} | **{spread(cell.test, cell.test_sd)}**{treated} "
            f"| {cell.low:.1f}–{cell.high:.1f} | {paper} |"
        )
    return lines


def sd(values: list[float]) -> float | None:
    """Sample SD, None of a single value."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None
