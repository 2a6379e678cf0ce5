"""Figures of recorded victims without a defence: accuracies, training curves, confusion matrices."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ripguard.benchmark.drawing import Figure
from ripguard.benchmark.records import Measurement
from ripguard.benchmark.table import cells

COLORS = {"clean": "#4477aa", "protected": "#cc3311", "restored": "#228833"}  # distinct for color-blind readers too
CHANCE = "#888888"


def bars(rows: Sequence[Measurement], target: Path) -> Path | None:
    """Train and test accuracy on each training set, the paper's as black marks; None without victims."""
    found = [cell for cell in cells(rows) if cell.defence == "none"]
    if not found:
        return None
    figure = Figure((9, 3.8))
    axes = figure.subplots(1, 2, sharey=True)
    for axis, name in zip(axes, ("train", "test")):
        for i, cell in enumerate(found):
            mean, sd = getattr(cell, name), getattr(cell, f"{name}_sd")
            axis.bar(i, mean, 0.65, yerr=sd, capsize=3, color=COLORS[cell.training_set])
            top = mean + (sd or 0)
            if cell.published:
                published = cell.published[name == "test"]
                axis.plot([i - 0.4, i + 0.4], [published] * 2, "k-", lw=1.5)
                top = max(top, published)
            axis.text(i, top + 2, f"{mean:.1f}", ha="center", fontsize=8)
        axis.set_xticks(range(len(found)), [cell.training_set for cell in found], fontsize=9)
        axis.set_title(f"{name} accuracy, %", fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
    axes[1].axhline(100 / _classes(rows), color=CHANCE, ls=":", lw=1)
    axes[0].set_ylim(0, 112)
    if any(cell.published for cell in found):
        figure.text(0.5, 0.005, "black marks: Xue et al., Table 1; dotted: chance", ha="center", fontsize=8)
    figure.tight_layout(rect=(0, 0.03, 1, 1))
    return save(figure, target)


def curves(rows: Sequence[Measurement], logs: dict[str, dict[str, list[Any]]], target: Path) -> Path | None:
    """Accuracy on augmented and on clean training images, epoch by epoch; None without logs.

    Args:
        logs: columns of each victim, see :func:`ripguard.benchmark.training_logs.read_logs`.
    """
    figure = Figure((9, 3.6))
    axes = figure.subplots(1, 2, sharey=True)
    drawn = set()
    for row in _plain(rows):
        columns = logs.get(f"{row.training_set}-{row.model}-{row.seed}", {})
        for axis, name in zip(axes, ("augmented_train_accuracy", "watched_accuracy")):
            points = [(x, y) for x, y in zip(columns.get("epoch", []), columns.get(name, [])) if y is not None]
            if points:
                own = row.training_set or ""
                label = None if (name, own) in drawn else own
                drawn.add((name, own))
                axis.plot(*zip(*points), color=COLORS[own], lw=1, alpha=0.8, label=label)
    if not drawn:
        return None
    for axis, title in zip(axes, ("its augmented training images", "clean training images")):
        axis.set_title(f"accuracy on {title}, %", fontsize=10)
        axis.set_xlabel("epoch", fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylim(0, 102)
    handles = next(found for axis in axes if (found := axis.get_legend_handles_labels())[0])
    axes[0].legend(*handles, fontsize=9, frameon=False)
    figure.tight_layout()
    return save(figure, target)


def confusion(rows: Sequence[Measurement], target: Path) -> Path | None:
    """Predictions for each true class, in shares of it; mean over seeds, one matrix for each training set."""
    plain = [row for row in _plain(rows) if "confusion" in row.metrics]
    if not plain:
        return None
    sets = [name for name in COLORS if any(row.training_set == name for row in plain)]
    figure = Figure((3.4 * len(sets) + 0.8, 4.2), layout="constrained")
    axes = figure.subplots(1, len(sets), squeeze=False)
    names = [name[:10] for name in plain[0].provenance["classes"]]
    for axis, own in zip(axes[0], sets):
        counts = np.sum([row.metrics["confusion"] for row in plain if row.training_set == own], axis=0)
        axis.imshow(counts / counts.sum(1, keepdims=True).clip(1), vmin=0, vmax=1, cmap="magma_r")
        axis.set_title(f"trained on {own}", fontsize=10)
        axis.set_xticks(range(len(names)), names, rotation=90, fontsize=7, parse_math=False)  # a name is no formula
        axis.set_yticks(range(len(names)), names if axis is axes[0][0] else [], fontsize=7, parse_math=False)
        axis.set_xlabel("predicted class", fontsize=9)
    axes[0][0].set_ylabel("true class", fontsize=9)
    return save(figure, target)


def _plain(rows: Sequence[Measurement]) -> list[Measurement]:
    return [row for row in rows if row.kind == "victim" and row.defence == "none"]


def _classes(rows: Sequence[Measurement]) -> int:
    known = [row.provenance["classes"] for row in rows if "classes" in row.provenance]
    return len(known[0]) if known else 10


def save(figure: Figure, target: Path) -> Path:
    """A PNG of few colors: small enough to be committed."""
    from PIL import Image

    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110)
    target.parent.mkdir(parents=True, exist_ok=True)
    Image.open(buffer).convert("RGB").quantize(128).save(target, optimize=True)
    return target
