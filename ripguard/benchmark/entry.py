"""One line of the leaderboard: all records of one scheme on one dataset with one protocol."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ripguard.benchmark.attacks.limited_clean_data import HEAD, PERMUTED, RENAMED, STANDARDISED
from ripguard.benchmark.defences import WITHDRAWN
from ripguard.benchmark.other_images import defence_called
from ripguard.benchmark.records import Measurement

Found = tuple[str, float]  # a defence or an attack, and its accuracy
# prefixes of attacks of undo.py on the images: of one release and without clean images, of several releases of the same
# images, and with leaked clean images
UNDOING, RELEASES, LEAKED = ("synthetic", "sink", "class"), ("averaged", "two"), ("restorer",)
# metrics without labeled clean images, and what tables call them
READINGS = {"test_acc": "plain", "standardized_acc": "standardized", "renamed_acc": "renamed"}
WITH_LABELS = {"permuted_acc": PERMUTED, "head_acc": HEAD}  # metrics with labelled clean images, and their attacks
INPUTS_DEFENDED = ", inputs defended too"


@dataclass
class Entry:
    """Accuracies in percent, on clean test images.

    Attributes:
        scheme: name in tables.
        psnr, ssim: medians of the published images to the clean images; PSNR in dB.
        setting: whether it is a preset with changed options.
        clean: of victims of clean or restored images, by (digest of the images, model, seed).
        plain: of victims without defence, one per seed.
        defended: of victims with a defence, by defence.
        adaptive: by (attack, number of clean images), then by defence.
        alone: best accuracy from the clean images without the protected ones, by their number.
        undone: by attack on the images of this release alone, without clean images.
        releases: by attack on several releases of the same images.
        unchanged: of victims of `undo.py` without an attack, by reading.
        kept: coefficients of each image that the scheme keeps along each side; None: it keeps all.
        ceiling: of models trained and tested on nothing else of the clean images, by model.
        leaked: by attack with leaked clean images.
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
    releases: dict[str, list[float]] = field(default_factory=dict)
    unchanged: dict[str, list[float]] = field(default_factory=dict)
    kept: int | None = None
    ceiling: dict[str, list[float]] = field(default_factory=dict)
    leaked: dict[str, list[float]] = field(default_factory=dict)

    def take(self, row: Measurement) -> None:
        """Add a measurement of this scheme; irrelevant ones are ignored."""
        metrics, defence = row.metrics, defence_called(row)
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
        elif row.kind == "undo" and row.attack == "none":
            for name, reading in READINGS.items():
                if name in metrics:
                    self.unchanged.setdefault(reading, []).append(metrics[name])
        elif row.kind == "undo":
            most = max(metrics[name] for name in READINGS if name in metrics)
            name = (row.attack or "") + (INPUTS_DEFENDED if row.setting.get("inputs_defended") else "")
            for words, found in ((UNDOING, self.undone), (RELEASES, self.releases), (LEAKED, self.leaked)):
                if name.split("-")[0] in words:
                    found.setdefault(name, []).append(most)
            if name.split("-")[0] in UNDOING:
                for metric, attack in WITH_LABELS.items():
                    if metric in metrics and "clean_images" in row.setting:
                        read = self.adaptive.setdefault((attack, row.setting["clean_images"]), {})
                        read.setdefault(name, []).append(metrics[metric])

    @property
    def best_defence(self) -> Found | None:
        return _best_of(self.defended)

    @property
    def best_undoing(self) -> Found | None:
        return _best_of(self.undone)

    @property
    def best_of_releases(self) -> Found | None:
        return _best_of(self.releases)

    @property
    def best_leaked(self) -> Found | None:
        return _best_of(self.leaked)

    @property
    def best_attack(self) -> Found:
        """Highest accuracy of an attacker with this release alone, without key and clean images, and its name.

        Plain training, a defence, logits standardized or renamed after either, or an attack on the images.
        """
        plain = ("plain", float(np.mean(self.plain)) if self.plain else 0.0)
        found = [plain, self.best_defence, self.best_undoing, _best_of(self.unchanged)]
        for attack, reading in ((STANDARDISED, "standardized"), (RENAMED, "renamed")):
            if one := self.reached(attack, 0):
                found.append((reading if one[0] == "none" else f"{one[0]}, {reading}", one[1]))
        return max((one for one in found if one), key=lambda one: one[1])

    @property
    def highest_ceiling(self) -> Found | None:
        """The model with the highest ceiling, the mean over its seeds, and that."""
        return _best_of(self.ceiling)

    def with_pairs(self, clean: int) -> Found | None:
        """The best attack that learns from at most so many clean images and their published forms."""
        pairs = {name: found for name, found in self.leaked.items() if int(name.split("-")[1].split("+")[0]) <= clean}
        return _best_of(pairs)

    def reached(self, attacks: str | Sequence[str], clean: int, defences: Sequence[str] | None = None) -> Found | None:
        """The defence with the highest accuracy under one of the attacks, and that accuracy; None without records.

        Args:
            attacks: names in records.
            clean: number of clean images of the attacker.
            defences: only these; None: all, also ``none``.
        """
        found: dict[str, float] = {}
        for attack in [attacks] if isinstance(attacks, str) else attacks:
            for defence, values in self.adaptive.get((attack, clean), {}).items():
                if defences is None or defence in defences:
                    found[defence] = max(found.get(defence, 0.0), float(np.mean(values)))
        return max(found.items(), key=lambda one: one[1], default=None)


def poison_of(row: Measurement) -> str:
    """The perturbation in a measurement of `experiments/peers.py`, ``clean`` for none."""
    return str(row.setting["poison"])


def better(row: Measurement) -> float:
    """Accuracy of a victim in percent, on plain or on treated test images, whichever is higher."""
    return float(max(row.metrics["test_acc"], row.metrics.get("test_acc_defended") or 0.0))


def written(found: Found | None, more: str = "") -> str:
    """Text for tables: accuracy, and the name of the defence if there is one; "" without a measurement."""
    if found is None:
        return ""
    return f"{found[1]:.2f}" + ("" if found[0] == "none" else f" ({found[0]}{more})")


def peers_of(rows: Iterable[Measurement]) -> list[Measurement]:
    """Measurements of `experiments/peers.py` on carriers as they are, not on what a removal attack leaves of them."""
    return [row for row in rows if row.kind == "peer" and row.attack is None]


def _best_of(found: dict[str, list[float]]) -> Found | None:
    return max(((name, float(np.mean(values))) for name, values in found.items()), key=lambda one: one[1], default=None)
