"""One line of the leaderboard: all that records hold about one scheme on one dataset under one protocol."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ripguard.benchmark.attacks.limited_clean_data import STANDARDISED
from ripguard.benchmark.defences import WITHDRAWN
from ripguard.benchmark.records import Measurement

Found = tuple[str, float]  # a defence or an attack, and the accuracy it ends in
# first words of attacks of undo.py that change the images, without and with leaked clean ones
UNDOING, LEAKED = ("synthetic", "averaged", "two", "sink"), ("restorer",)
READINGS = ("test_acc", "standardized_acc", "renamed_acc")  # that need no labelled clean image
INPUTS_DEFENDED = ", inputs defended too"


@dataclass
class Entry:
    """Accuracies in percent, on clean test images.

    Attributes:
        scheme: its name in tables; setting: whether it is a preset with other values of its options.
        psnr, ssim: of the published images to the clean ones, medians.
        clean: of each victim of clean or restored images: (their digest, model, seed).
        plain: of victims without a defence, one a seed; defended: by defence.
        adaptive: by attack and number of clean images, then by defence; alone: the best that as many clean images
            give without the protected ones, by their number.
        undone: by attack on the images; leaked: by attack with leaked clean ones.
    """

    scheme: str
    psnr: float = float("nan")
    ssim: float = float("nan")
    images: int = 0
    setting: bool = False
    clean: dict[tuple[str, str, int], float] = field(default_factory=dict)
    plain: list[float] = field(default_factory=list)
    defended: dict[str, list[float]] = field(default_factory=dict)
    adaptive: dict[tuple[str, int], dict[str, list[float]]] = field(default_factory=dict)
    alone: dict[int, float] = field(default_factory=dict)
    undone: dict[str, list[float]] = field(default_factory=dict)
    leaked: dict[str, list[float]] = field(default_factory=dict)

    def take(self, row: Measurement) -> None:
        """Add a measurement of this scheme; those of no bearing are left out."""
        metrics, defence = row.metrics, row.defence or "none"
        if row.kind == "image-quality":
            self.psnr, self.ssim = (metrics[f"{name}_to_clean"]["median"] for name in ("psnr", "ssim"))
        elif defence in WITHDRAWN:
            return
        elif row.kind == "victim" and row.training_set == "protected":
            if defence == "none":
                self.plain.append(metrics["test_acc"])
            else:
                self.defended.setdefault(defence, []).append(better(row))
        elif row.kind == "victim" and defence == "none":
            self.clean[row.digests.get("train", ""), row.model or "", row.seed or 0] = metrics["test_acc"]
        elif row.kind == "limited-clean" and row.training_set == "protected" and row.attack != "none":
            read = self.adaptive.setdefault((row.attack or "", row.setting.get("clean_images", 0)), {})
            name = defence + (INPUTS_DEFENDED if row.setting.get("inputs_defended") else "")
            read.setdefault(name, []).append(metrics["test_acc"])
        elif row.kind == "undo":
            most = max(metrics[name] for name in READINGS if name in metrics)
            name = (row.attack or "") + (INPUTS_DEFENDED if row.setting.get("inputs_defended") else "")
            for words, found in ((UNDOING, self.undone), (LEAKED, self.leaked)):
                if name.split("-")[0] in words:
                    found.setdefault(name, []).append(most)

    @property
    def best_defence(self) -> Found | None:
        return _best_of(self.defended)

    @property
    def best_undoing(self) -> Found | None:
        return _best_of(self.undone)

    @property
    def best_leaked(self) -> Found | None:
        return _best_of(self.leaked)

    @property
    def best_attack(self) -> Found:
        """The most that an attacker without key and clean images reaches: plain, under a defence, or by undoing."""
        found = [self.best_defence, self.reached(STANDARDISED, 0), self.best_undoing]
        plain = ("plain", float(np.mean(self.plain)) if self.plain else 0.0)
        return max([plain, *(one for one in found if one)], key=lambda one: one[1])

    def reached(self, attacks: str | Sequence[str], clean: int, defences: Sequence[str] | None = None) -> Found | None:
        """The defence under which one of the attackers gets most out of the victim, and how much.

        Args:
            attacks: as records call them; clean: the number of clean images they have.
            defences: only these; None: all, ``none`` among them.
        """
        found: dict[str, float] = {}
        for attack in [attacks] if isinstance(attacks, str) else attacks:
            for defence, values in self.adaptive.get((attack, clean), {}).items():
                if defences is None or defence in defences:
                    found[defence] = max(found.get(defence, 0.0), float(np.mean(values)))
        return max(found.items(), key=lambda one: one[1], default=None)


def poison_of(row: Measurement) -> str:
    """Which perturbation a measurement of `experiments/peers.py` is about, ``clean`` for none."""
    return str(row.setting["poison"])


def better(row: Measurement) -> float:
    """Accuracy of a victim, or that on test images that went through its defence as well, if it is more."""
    return float(max(row.metrics["test_acc"], row.metrics.get("test_acc_defended") or 0.0))


def written(found: Found | None, more: str = "") -> str:
    """As tables have it: nothing where nothing was measured; the defence's name unless it was the plain victim's."""
    if found is None:
        return ""
    return f"{found[1]:.2f}" + ("" if found[0] == "none" else f" ({found[0]}{more})")


def peers_of(rows: Iterable[Measurement]) -> list[Measurement]:
    return [row for row in rows if row.kind == "peer"]


def _best_of(found: dict[str, list[float]]) -> Found | None:
    return max(((name, float(np.mean(values))) for name, values in found.items()), key=lambda one: one[1], default=None)
