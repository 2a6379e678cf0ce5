"""Marks of the class over an adversarial perturbation: what is left when the marks are taken off teaches wrong names.

Ours: :class:`~ripguard.perturb.tap.TAP` first, then :class:`~ripguard.perturb.marks.Marks` on the result. A net that
finds marks stops looking, so its features are worth as little as those of marks alone. Who knows how marks are made can
train a net that takes them off, on pairs made up by marking the protected pictures once more. It cannot make up the
perturbation below in that way: that hangs on a net which knows clean pictures, and who has none cannot train it.
"""

from __future__ import annotations

import numpy as np

from ripguard.perturb.base import Perturbation
from ripguard.perturb.marks import Marks
from ripguard.perturb.tap import TAP

UNDER = 0.53  # ε of what is below, an L∞ bound, of that of the marks: about a quarter of all the noise's power


class Layered(Perturbation):
    """Adversarial perturbation, rounded to 8 bits, and marks on top.

    Args:
        under: whose size should be about UNDER of the marks'.
    """

    name = "layered"

    def __init__(self, under: TAP, marks: Marks) -> None:
        self.under, self.marks = under, marks

    def run(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        return self.marks(self.under(clean, labels, seeds), labels, seeds)
