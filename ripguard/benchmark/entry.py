"""One line of the leaderboard: all that records hold about one scheme on one dataset under one protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Found = tuple[str, float]  # a defence or an attack, and the accuracy it ends in


@dataclass
class Entry:
    """Accuracies in percent, on clean test images.

    Attributes:
        psnr, ssim: of the published images to the clean ones, medians.
        releases: identifiers of the releases that its victims were trained on.
        clean: of each victim of clean or restored images: (their digest, model, seed).
        plain: of victims without a defence, one a seed; defended: by defence.
        adaptive: by attack and number of clean images, then by defence; alone: the best of what as many clean
            images give without the protected ones, by their number.
        undone: by attack on the images; leaked: by attack with leaked clean ones.
    """

    scheme: str
    psnr: float
    ssim: float
    images: int
    releases: list[str] = field(default_factory=list)
    clean: dict[tuple[str, str, int], float] = field(default_factory=dict)
    plain: list[float] = field(default_factory=list)
    defended: dict[str, list[float]] = field(default_factory=dict)
    adaptive: dict[tuple[str, int], dict[str, list[float]]] = field(default_factory=dict)
    alone: dict[int, float] = field(default_factory=dict)
    undone: dict[str, list[float]] = field(default_factory=dict)
    leaked: dict[str, list[float]] = field(default_factory=dict)

    @property
    def best_defence(self) -> Found | None:
        return _best_of(self.defended)

    @property
    def best_undoing(self) -> Found | None:
        return _best_of(self.undone)

    @property
    def best_leaked(self) -> Found | None:
        return _best_of(self.leaked)

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


def poison_of(row: dict[str, Any]) -> str:
    """Which perturbation a row of `experiments/peers.py` is about, ``clean`` for none."""
    return str(row["perturb"])


def better(row: dict[str, Any]) -> float:
    """Accuracy of a victim, or that on test images that went through its defence as well, if it is more."""
    return float(max(row["test_accuracy"], row.get("treated_accuracy", 0.0)))


def told(found: Found | None, more: str = "") -> str:
    """As tables have it: nothing where nothing was measured; the defence's name unless it was the plain victim's."""
    if found is None:
        return ""
    return f"{found[1]:.2f}" + ("" if found[0] == "none" else f" ({found[0]}{more})")


def _best_of(found: dict[str, list[float]]) -> Found | None:
    return max(((name, float(np.mean(values))) for name, values in found.items()), key=lambda one: one[1], default=None)
