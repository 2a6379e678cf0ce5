"""How much of an image may be published: what thumbnails of k×k coefficients teach, how they look, what was attained.

Source: the measurements of ``experiments/ceiling.py``, and those that the leaderboard has of schemes that keep a band.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ripguard.benchmark.drawing import Figure
from ripguard.benchmark.leaderboard import entries
from ripguard.benchmark.records import Measurement

LEGIBLE = 50.0  # percent of the test images whose class is read: from there on, a thumbnail counts as legible
CEILING, SSIM, ATTAINED, CHANCE = "#4477aa", "#228833", "#cc3311", "#888888"  # distinct for color-blind readers too
MARKS = "os^DvX"
Panel = tuple[str, str, int]  # dataset, protocol, number of training images


@dataclass
class Curves:
    """What is drawn in one panel, by k, the number of coefficients along each side.

    Attributes:
        ceiling: accuracy in percent of models trained and tested on clean thumbnails, the mean over seeds of the best
            model; it is the share of images whose class is legible to that model, too.
        ssim: of these thumbnails to the clean images.
        attained: by form of the scheme, then by k: the best attack without key and clean images, (name, percent).
        classes: number of classes; 0: not known.
    """

    ceiling: dict[int, float] = field(default_factory=dict)
    ssim: dict[int, float] = field(default_factory=dict)
    attained: dict[str, dict[int, tuple[str, float]]] = field(default_factory=dict)
    classes: int = 0


def curves(rows: Sequence[Measurement]) -> dict[Panel, Curves]:
    """From measurements of all kinds: a panel for each dataset, protocol and number of images with a ceiling."""
    read: dict[Panel, dict[int, dict[str, list[float]]]] = {}
    found: dict[Panel, Curves] = {}
    for row in rows:
        if row.kind != "ceiling" or row.setting.get("gray"):
            continue
        panel, kept = (row.dataset, row.protocol or "", row.n_train or 0), row.setting["kept"]
        models = read.setdefault(panel, {}).setdefault(kept, {})
        models.setdefault(row.model or "", []).append(row.metrics["test_acc"])
        found.setdefault(panel, Curves()).ssim[kept] = row.metrics["ssim_to_clean"]
    for panel, by_kept in read.items():
        own = found[panel]
        own.ceiling = {
            kept: max(float(np.mean(values)) for values in models.values()) for kept, models in by_kept.items()
        }
        known = [row.provenance["classes"] for row in rows if row.dataset == panel[0] and "classes" in row.provenance]
        own.classes = len(known[0]) if known else 0
    for key, entry in entries(rows).items():
        if entry.kept is not None and key[:3] in found:
            form = re.sub(r", keep \d+", "", entry.scheme)
            found[key[:3]].attained.setdefault(form, {})[entry.kept] = entry.best_attack
    return dict(sorted(found.items()))


def plot(rows: Sequence[Measurement]) -> Figure | None:
    """One panel a dataset, protocol and number of images, over k; None without a ceiling."""
    panels = curves(rows)
    if not panels:
        return None
    figure = Figure((5.4 * len(panels) + 0.6, 4.6), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for axis, (panel, own) in zip(axes, panels.items()):
        kept = sorted({*own.ceiling, *(k for points in own.attained.values() for k in points)})
        axis.axhline(LEGIBLE, color="black", ls="--", lw=0.9, label="half of the images legible")
        if own.classes:
            axis.axhline(100 / own.classes, color=CHANCE, ls=":", lw=1.2, label="chance")
        sides = sorted(own.ceiling)
        axis.plot(sides, [own.ceiling[k] for k in sides], "o-", color=CEILING, label="ceiling: read from thumbnails")
        axis.plot(sides, [100 * own.ssim[k] for k in sides], "s-", color=SSIM, mfc="none", label="SSIM of thumbnails")
        for mark, (form, points) in zip(MARKS * len(own.attained), sorted(own.attained.items())):
            ends = sorted(points)
            heights = [points[k][1] for k in ends]
            axis.plot(ends, heights, f"{mark}-", color=ATTAINED, ms=8, label=f"attained by attackers: {form}")
            for k, height in zip(ends, heights):
                axis.annotate(
                    points[k][0], (k, height), (0, 9), textcoords="offset points", ha="center", fontsize=7.5,
                    color=ATTAINED,
                )  # fmt: skip
        axis.set_xscale("log", base=2)
        axis.set_xlim(min(kept) / 1.5, max(kept) * 1.5)
        axis.set_xticks(kept, [f"{k}×{k}" for k in kept])
        axis.minorticks_off()
        axis.set_ylim(0, 100)
        axis.set_xlabel("coefficients kept of each channel", fontsize=10)
        axis.set_title(f"{panel[0]}, {panel[2]:,} images, protocol {panel[1]}", fontsize=11, loc="left")
        axis.grid(axis="y", color="#eeeeee")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("accuracy on clean test images, %;  100 · SSIM", fontsize=10)
    handles = {str(name): line for axis in axes for line, name in zip(*axis.get_legend_handles_labels())}
    figure.legend(list(handles.values()), list(handles), loc="outside upper center", ncols=3, fontsize=9.5)
    return figure
