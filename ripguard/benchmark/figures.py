"""Images of an accuracy record: bars, curves, confusion matrices, of victims without a defence; with the logs."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure  # not pyplot: no display, no state, notebooks keep their own

from ripguard.benchmark.table import cells

COLORS = {"clean": "#4477aa", "protected": "#cc3311", "restored": "#228833"}  # told apart by color-blind people too
CHANCE = "#888888"


def bars(record: dict[str, Any], target: Path) -> Path | None:
    """Train and test accuracy of each kind of training images, the paper's figures as black marks; None: no rows."""
    found = [cell for cell in cells(record) if cell.defence == "none"]
    if not found:
        return None
    figure = Figure((6.4, 2.8))
    axes = figure.subplots(1, 2, sharey=True)
    for axis, name in zip(axes, ("train", "test")):
        for i, cell in enumerate(found):
            mean, sd = getattr(cell, name), getattr(cell, f"{name}_sd")
            axis.bar(i, mean, 0.65, yerr=sd, capsize=3, color=COLORS[cell.split])
            top = mean + (sd or 0)
            if cell.published:
                published = cell.published[name == "test"]
                axis.plot([i - 0.4, i + 0.4], [published] * 2, "k-", lw=1.5)
                top = max(top, published)
            axis.text(i, top + 2, f"{mean:.1f}", ha="center", fontsize=8)
        axis.set_xticks(range(len(found)), [cell.split for cell in found], fontsize=8)
        axis.set_title(f"{name} accuracy, %", fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
    classes = len(record["rows"][0]["classes"])
    axes[1].axhline(100 / classes, color=CHANCE, ls=":", lw=1)
    axes[0].set_ylim(0, 112)
    if any(cell.published for cell in found):
        figure.text(0.5, 0.005, "black marks: Xue et al., Table 1; dotted: chance", ha="center", fontsize=7)
    figure.tight_layout(rect=(0, 0.03, 1, 1))
    return _save(figure, target)


def curves(record: dict[str, Any], logs: Path, target: Path) -> Path | None:
    """Accuracy on what is trained on (augmented) and on clean training images, epoch by epoch; None without logs."""
    figure = Figure((6.4, 2.6))
    axes = figure.subplots(1, 2, sharey=True)
    drawn = set()
    for row in _plain(record):
        lines = read_log(logs / f"{row['split']}-{row['model']}-{row['seed']}.jsonl")
        for axis, name in zip(axes, ("augmented_train_accuracy", "watched_accuracy")):
            points = [(line["epoch"], line[name]) for line in lines if name in line]
            if points:
                label = None if (name, row["split"]) in drawn else row["split"]
                drawn.add((name, row["split"]))
                axis.plot(*zip(*points), color=COLORS[row["split"]], lw=1, alpha=0.8, label=label)
    if not drawn:
        return None
    for axis, title in zip(axes, ("what it is trained on, augmented", "clean training images")):
        axis.set_title(f"accuracy on {title}, %", fontsize=8)
        axis.set_xlabel("epoch", fontsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylim(0, 102)
    axes[0].legend(fontsize=7, frameon=False)
    figure.tight_layout()
    return _save(figure, target)


def confusion(record: dict[str, Any], target: Path) -> Path | None:
    """What victims answer for each true class, in shares of it; mean over seeds, one matrix for each split."""
    rows = _plain(record)
    if not rows:
        return None
    splits = [split for split in COLORS if any(row["split"] == split for row in rows)]
    figure = Figure((2.5 * len(splits) + 0.6, 3.2), layout="constrained")
    axes = figure.subplots(1, len(splits), squeeze=False)
    names = [name[:10] for name in rows[0]["classes"]]
    for axis, split in zip(axes[0], splits):
        counts = np.sum([row["confusion"] for row in rows if row["split"] == split], axis=0)
        axis.imshow(counts / counts.sum(1, keepdims=True).clip(1), vmin=0, vmax=1, cmap="magma_r")
        axis.set_title(f"trained on {split}", fontsize=8)
        axis.set_xticks(range(len(names)), names, rotation=90, fontsize=5, parse_math=False)  # a name is no formula
        axis.set_yticks(range(len(names)), names if axis is axes[0][0] else [], fontsize=5, parse_math=False)
        axis.set_xlabel("answer", fontsize=7)
    axes[0][0].set_ylabel("true class", fontsize=7)
    return _save(figure, target)


def _plain(record: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in record["rows"] if row["defence"] == "none"]


def read_log(path: Path) -> list[dict[str, Any]]:
    """Lines of a training log, [] if there is none."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _save(figure: Figure, target: Path) -> Path:
    """A PNG of few colors: small enough to be committed."""
    from PIL import Image

    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110)
    target.parent.mkdir(parents=True, exist_ok=True)
    Image.open(buffer).convert("RGB").quantize(128).save(target, optimize=True)
    return target
